// Nothing takes longer; a test that waits for it has failed.
export const PATIENCE = 20_000;

/** Repeats the check until it is true or the time is up. */
export async function until(what, check) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not within ${PATIENCE / 1000} s: ${what}`);
}
