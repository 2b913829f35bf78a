// Lists the languages: one file each in src/i18n, named by the language's two letters.
import { readdirSync } from 'node:fs';
import { build } from 'esbuild';

const folder = new URL('src/i18n/', import.meta.url);

/** The two letters of each language. */
export const languages = readdirSync(folder)
  .map((name) => /^([a-z]{2})\.ts$/.exec(name)?.[1])
  .filter(Boolean)
  .sort();

/** By language, what the launcher itself says. */
export async function labels() {
  const { outputFiles } = await build({
    stdin: {
      contents: languages.map((key) => `export { default as ${key} } from './${key}'`).join('\n'),
      resolveDir: folder.pathname,
    },
    bundle: true,
    format: 'esm',
    write: false,
  });
  const all = await import(`data:text/javascript;charset=utf-8,${encodeURIComponent(outputFiles[0].text)}`);
  return Object.fromEntries(languages.map((key) => [key, all[key].open]));
}
