// What keeps the source readable: every file says at its head what it answers for, no file and no
// function is too long, no files import each other in a circle, and folders import only what is
// below them.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

const MOST_LINES = 450;
/**
 * Of one function, without the functions inside it: a function that creates a part of the widget
 * contains that part's functions, as a class contains its methods.
 */
const MOST_LINES_OF_ONE = 80;
/** What each folder must not import. */
const NOT_BELOW: Record<string, string[]> = {
  'src/launcher': ['src/state', 'src/chat', 'src/view'],
  'src/state': ['src/chat', 'src/view'],
  'src/chat': ['src/view'],
};

interface Source {
  file: string;
  text: string;
}

const sources: Source[] = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(ts|css)$/.test(name))
  .map((name) => ({ file: `src/${name}`, text: readFileSync(`src/${name}`, 'utf8') }));

const lines = (text: string) => text.trimEnd().split('\n').length;

/** The files of the widget that a file imports, be it only for a type. */
function imports({ file, text }: Source): string[] {
  const { importedFiles } = ts.preProcessFile(text);
  const own = importedFiles.map(({ fileName }) => fileName).filter((name) => name.startsWith('.'));
  return own.map((name) => `${join(dirname(file), name)}.ts`.replace(/\?inline\.ts$/, ''));
}

/** The files that import each other in a circle, or `undefined`. */
function circle(all: readonly Source[]): string[] | undefined {
  const files = new Map(all.map((source) => [source.file, imports(source)]));
  const done = new Set<string>();
  function follow(file: string, path: string[]): string[] | undefined {
    if (path.includes(file)) return path.slice(path.indexOf(file));
    if (done.has(file)) return undefined;
    for (const next of files.get(file) ?? []) {
      const found = follow(next, [...path, file]);
      if (found) return found;
    }
    done.add(file);
    return undefined;
  }
  for (const file of files.keys()) {
    const found = follow(file, []);
    if (found) return found;
  }
  return undefined;
}

/** The functions of a file that are longer than allowed, each with its length. */
function longFunctions({ file, text }: Source, most: number): string[] {
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const lineOf = (at: number) => tree.getLineAndCharacterOfPosition(at).line;
  /** Returns how many lines belong only to the functions inside a node. */
  function visit(node: ts.Node): number {
    let inside = 0;
    ts.forEachChild(node, (child) => {
      inside += visit(child);
    });
    if (!ts.isFunctionLike(node)) return inside;
    const [first, last] = [lineOf(node.getStart()), lineOf(node.end)];
    const own = last - first + 1 - inside;
    if (own > most) found.push(`${file}:${first + 1} has ${own} lines`);
    return last - first;
  }
  visit(tree);
  return found;
}

test('every file says at its head what it is for', () => {
  const isHeaded = ({ text }: Source) => /^(\/\/|\/\*) /.test(text);
  expect(sources.length).toBeGreaterThan(50);
  expect(sources.filter((source) => !isHeaded(source)).map(({ file }) => file)).toEqual([]);
});

test('no file and no function is too long', () => {
  const long = sources.filter(({ text }) => lines(text) > MOST_LINES).map(({ file }) => file);
  expect(long).toEqual([]);
  const code = sources.filter(({ file }) => file.endsWith('.ts'));
  expect(code.flatMap((source) => longFunctions(source, MOST_LINES_OF_ONE))).toEqual([]);
}, 30_000);

test('no files import each other in a circle', () => {
  const known = new Set(sources.map(({ file }) => file));
  const code = sources.filter(({ file }) => file.endsWith('.ts'));
  const unresolved = code.flatMap(imports).filter((file) => !known.has(file));
  expect(new Set(unresolved)).toEqual(new Set(['couplet.ts']));
  expect(circle(code)).toBeUndefined();
});

test('folders import only what is below them', () => {
  const wrong = Object.entries(NOT_BELOW).flatMap(([folder, above]) =>
    sources
      .filter(({ file }) => file.startsWith(`${folder}/`))
      .filter((source) => imports(source).some((file) => above.some((name) => file.startsWith(`${name}/`))))
      .map(({ file }) => file),
  );
  expect(wrong).toEqual([]);
});

test('a circle and a long function are found', () => {
  const source = (name: string, text: string) => ({ file: `src/${name}.ts`, text });
  const [a, b] = [source('a', "import type { B } from './b';"), source('b', "import './c/c';")];
  expect(circle([a, b, source('c/c', '')])).toBeUndefined();
  expect(circle([a, b, source('c/c', "export * from '../b';")])).toEqual(['src/b.ts', 'src/c/c.ts']);
  const outer = source('d', 'function outer() {\n  const inner = () => {\n    go();\n  };\n  go();\n}\n');
  expect(longFunctions(outer, 3)).toEqual(['src/d.ts:1 has 4 lines']);
  expect(longFunctions(outer, 4)).toEqual([]);
});
