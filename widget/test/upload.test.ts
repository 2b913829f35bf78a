// Uploads against the tests' gateway.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { createUploads, type Upload, type UploadPort } from '../src/upload';
import { Gateway } from './gateway';

let gateway: Gateway;
let uploads: readonly Upload[];
let token: string | undefined;

beforeEach(async () => {
  gateway = new Gateway();
  await gateway.listen();
  uploads = [];
  token = 't';
});

afterEach(() => gateway.close());

function make(more: Partial<UploadPort> = {}) {
  return createUploads({
    url: `${gateway.url}/v1/demo/files`,
    token: () => token,
    limit: () => 10,
    types: () => undefined,
    changed(list) {
      uploads = list;
    },
    refused() {},
    ...more,
  });
}

const file = (text = 'words', type = 'text/plain') => new File([text], 'a.txt', { type });
const until = (check: () => boolean) => expect.poll(check, { timeout: 4000, interval: 10 }).toBe(true);

test('a file gets there and is handed over once', async () => {
  const all = make();
  all.add([file(), file('more')]);
  await until(() => uploads.every(({ link }) => link));
  expect(all.take().map(({ id, name }) => [id, name])).toEqual([
    ['f1', 'a.txt'],
    ['f2', 'a.txt'],
  ]);
  expect(uploads).toEqual([]);
  expect(all.take()).toEqual([]);
});

test('what is too large or of a wrong type is not sent', () => {
  const all = make({ types: () => ['image/*', 'application/pdf'] });
  const types = ['image/png', 'text/plain', ''];
  all.add([file('far too long a text'), ...types.map((type) => file('x', type))]);
  expect(uploads.map(({ failed }) => failed)).toEqual(['large', undefined, 'type', undefined]);
  all.stop();
});

test('without a session a file waits for one', async () => {
  token = undefined;
  const all = make();
  all.add([file()]);
  expect(gateway.uploads).toEqual([]);
  token = 'u';
  all.go();
  await until(() => uploads[0]?.link !== undefined);
  expect(gateway.uploads.map(({ token }) => token)).toEqual(['Bearer u']);
});

test.each([
  [413, 'large'],
  [415, 'type'],
  [503, 'network'],
  [401, 'network'],
])('an answer of %s is told as %s, and the file can be tried again', async (status, failed) => {
  let refused = 0;
  const all = make({ refused: () => refused++ });
  gateway.refuseFiles = status;
  all.add([file()]);
  await until(() => uploads[0]?.failed === failed);
  expect(refused).toBe(status === 401 ? 1 : 0);
  expect(all.take()).toEqual([]);
  gateway.refuseFiles = 0;
  all.retry(uploads[0]?.id ?? '');
  await until(() => uploads[0]?.link !== undefined);
});

test('what is taken away is cancelled', async () => {
  const all = make();
  all.add([file()]);
  all.remove(uploads[0]?.id ?? '');
  expect(uploads).toEqual([]);
  all.add([file()]);
  await until(() => uploads[0]?.link !== undefined);
  expect(all.take()).toHaveLength(1);
});
