// Builds dist/: couplet.js, the launcher (a self-contained classic script); couplet-chat.js, which
// the launcher loads once the visitor shows interest; and one couplet-xx.js per language. The
// gateway serves every file in dist/ under its own name. The build fails if a file is over its size
// limit.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build, transform } from 'esbuild';
import { labels, languages } from './languages.mjs';

const target = 'es2020';
const KIB = 1024;
/**
 * What a browser transfers before the chat is needed (including the configuration), and in total.
 */
const LAUNCHER_BYTES = 5 * KIB;
const TOTAL_BYTES = 30 * KIB;
/** A configuration with a few queues and a form; brotli would make it smaller. */
const CONFIG_BYTES = 512;

// Style sheets are minified and shipped as strings; the browser turns them into constructed sheets.
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

const bundle = (options) =>
  build({
    outdir: 'dist',
    bundle: true,
    minify: true,
    target,
    charset: 'utf8',
    legalComments: 'none',
    banner: { js: '/* Couplet chat widget. AGPL-3.0-or-later. */' },
    plugins: [inlineCss],
    absWorkingDir: fileURLToPath(new URL('.', import.meta.url)),
    ...options,
  });

const dist = (name) => new URL(`dist/${name}`, import.meta.url);
rmSync(dist(''), { recursive: true, force: true });
mkdirSync(dist(''));

const words = languages.map((key) => [`couplet-${key}`, `src/i18n/${key}.ts`]);
const chunks = [['couplet-chat', 'src/start.ts'], ...words];
await bundle({ entryPoints: Object.fromEntries(chunks), format: 'esm' });
const hash = createHash('sha256');
for (const [name] of chunks) hash.update(readFileSync(dist(`${name}.js`)));
const define = {
  BUILD: JSON.stringify(hash.digest('base64url').slice(0, 8)),
  LABELS: JSON.stringify(await labels()),
};
await bundle({ entryPoints: { couplet: 'src/launcher/main.ts' }, format: 'iife', define });

const sizes = {};
for (const name of ['couplet', ...chunks.map(([name]) => name)]) {
  const script = readFileSync(dist(`${name}.js`));
  const brotli = brotliCompressSync(script);
  writeFileSync(dist(`${name}.js.br`), brotli);
  writeFileSync(dist(`${name}.js.gz`), gzipSync(script, { level: 9 }));
  sizes[name] = brotli.length;
  console.log(`${`${name}.js`.padEnd(16)} ${kib(script.length)} KiB, brotli ${kib(brotli.length)} KiB`);
}
const largest = Math.max(...words.map(([name]) => sizes[name]));
gate('before opening', sizes.couplet + CONFIG_BYTES, LAUNCHER_BYTES);
gate('in all', sizes.couplet + CONFIG_BYTES + sizes['couplet-chat'] + largest, TOTAL_BYTES);

function gate(what, bytes, limit) {
  console.log(`${what.padEnd(16)} ${kib(bytes)} of ${kib(limit)} KiB`);
  if (bytes <= limit) return;
  console.error(`${what}: too large`);
  process.exitCode = 1;
}

function kib(bytes) {
  return (bytes / KIB).toFixed(1).padStart(5);
}
