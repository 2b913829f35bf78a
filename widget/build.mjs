// Builds dist/couplet.js: one classic script that stands alone. The style sheet is minified
// and carried as a string, because the widget hands it to the browser as a constructed sheet.
import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build, transform } from 'esbuild';

const target = 'es2020';

const inlineCss = {
  name: 'inline-css',
  setup(builder) {
    builder.onResolve({ filter: /\.css\?inline$/ }, ({ path, importer }) => ({
      path: resolve(dirname(importer), path.replace('?inline', '')),
      namespace: 'inline-css',
    }));
    builder.onLoad({ filter: /.*/, namespace: 'inline-css' }, async ({ path }) => {
      const css = await readFile(path, 'utf8');
      const { code } = await transform(css, { loader: 'css', minify: true, target });
      return { contents: code, loader: 'text', watchFiles: [path] };
    });
  },
};

await build({
  entryPoints: ['src/main.ts'],
  outfile: 'dist/couplet.js',
  bundle: true,
  format: 'iife',
  minify: true,
  target,
  charset: 'utf8',
  legalComments: 'none',
  banner: { js: '/* Couplet chat widget. AGPL-3.0-or-later. */' },
  plugins: [inlineCss],
  absWorkingDir: import.meta.dirname ?? dirname(new URL(import.meta.url).pathname),
});

// The gateway serves these to browsers that take them.
const url = (suffix) => new URL(`dist/couplet.js${suffix}`, import.meta.url);
const script = readFileSync(url(''));
const brotli = brotliCompressSync(script);
writeFileSync(url('.br'), brotli);
writeFileSync(url('.gz'), gzipSync(script, { level: 9 }));
const kib = (bytes) => (bytes / 1024).toFixed(1);
console.log(`dist/couplet.js  ${kib(script.length)} KiB, brotli ${kib(brotli.length)} KiB`);
