// Frames and ids: what is parsed, dropped and written.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { protocol } from '../protocol.mjs';
import { encode, newId, parse, scalars } from '../src/wire';

const from = { kind: 'agent', name: 'Ann' };

test('an invalid frame is dropped and throws nothing', () => {
  for (const data of ['', '{', 'null', '[]', '{"type":"later"}', new ArrayBuffer(2)]) {
    expect(parse(data)).toBeUndefined();
  }
});

test('an entry without its required fields is dropped, unknown fields are kept', () => {
  expect(parse(JSON.stringify({ type: 'entry', seq: 1 }))).toBeUndefined();
  const entry = { type: 'entry', conversation: 'c', seq: 1, at: 1, kind: 'message', from, later: true };
  expect(parse(JSON.stringify(entry))).toEqual(entry);
});

test('entries in a list take the conversation of the list', () => {
  const entries = [{ seq: 1, at: 1, kind: 'message', from }, { seq: 'x' }];
  const frame = parse(JSON.stringify({ type: 'entries', conversation: 'c', entries }));
  expect(frame).toMatchObject({ entries: [{ conversation: 'c', seq: 1 }] });
  expect(frame).toHaveProperty('entries.length', 1);
});

test('a text is counted in scalars', () => {
  expect(scalars('añ😀')).toBe(3);
});

test('a lone surrogate is replaced, a pair is not', () => {
  expect(encode({ 'a\ud800': 'a\ud800b😀' })).toBe('{"a\ufffd":"a\ufffdb😀"}');
});

test('ids consist of the allowed characters and differ', () => {
  const ids = Array.from({ length: 100 }, newId);
  expect(new Set(ids).size).toBe(100);
  for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
});

test('JSON is correct, even if a framework has given arrays a toJSON', () => {
  const value = { a: [1, 'x', null, { b: true }], c: undefined, 'd"': '\u2028' };
  expect(JSON.parse(encode(value))).toEqual({ a: [1, 'x', null, { b: true }], 'd"': '\u2028' });
  const taught = Object.assign(['x'], { toJSON: () => '["x"]' });
  expect(encode({ files: taught })).toBe('{"files":["x"]}');
});

test('the frames that are understood are those of the published schema', () => {
  const schema = JSON.parse(readFileSync('../docs/protocol.schema.json', 'utf8'));
  const published: string[] = schema.$defs.ServerFrame.oneOf.map(
    ({ properties }: { properties: { type: { const: string } } }) => properties.type.const,
  );
  const isKnown = (type: string) => parse(JSON.stringify({ ...bones, type })) !== undefined;
  const bones = { conversation: 'c', seq: 1, at: 1, kind: 'message', from, entries: [] };
  expect(published.length).toBeGreaterThan(9);
  expect(published.filter((type) => !isKnown(type))).toEqual([]);
});

test('the types are those of the published schema', async () => {
  for (const [name, text] of Object.entries(await protocol())) {
    expect(readFileSync(`src/protocol/${name}`, 'utf8')).toBe(text);
  }
}, 30_000);
