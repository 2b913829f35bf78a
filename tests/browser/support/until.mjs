// Nothing takes longer; a play that waits for it has failed.
export const PATIENCE = 20_000;

/** Asks again and again until the answer is yes, or the patience is over. */
export async function until(what, check) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not within ${PATIENCE / 1000} s: ${what}`);
}
