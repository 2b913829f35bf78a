// Uploads against the test gateway.

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
    changed(list) {
      uploads = list;
    },
    refused() {},
    ...more,
  });
}

const file = (text = 'words', type = 'text/plain') => new File([text], 'a.txt', { type });
const until = (check: () => boolean) => expect.poll(check, { timeout: 4000, interval: 10 }).toBe(true);

test('a file is uploaded and returned once', async () => {
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

test('a file that is too large is not sent', () => {
  const all = make();
  all.add([file('far too long a text'), file('x')]);
  expect(uploads.map(({ failed }) => failed)).toEqual(['large', undefined]);
  all.stop();
});

test('a CSV is sent under whatever type the browser thinks it has', async () => {
  const all = make();
  const types = [
    'application/vnd.ms-excel',
    'application/json',
    'audio/x-m4a',
    'application/x-zip-compressed',
    '',
  ];
  all.add(types.map((type) => file('x', type)));
  await until(() => uploads.every(({ link }) => link));
  expect(gateway.uploads).toHaveLength(5);
});

test('two are uploaded at a time, and one that fails lets the next start', async () => {
  gateway.stallFiles = true;
  const all = make();
  all.add([file('1'), file('2'), file('3'), file('4')]);
  await until(() => gateway.uploads.length === 2);
  gateway.stallFiles = false;
  gateway.refuseFiles = 503;
  all.remove(uploads[0]?.id ?? '');
  await until(() => uploads[2]?.failed === 'network');
  expect(gateway.uploads).toHaveLength(4);
  all.stop();
});

test('without a session a file waits for one', async () => {
  token = undefined;
  const all = make();
  all.add([file()]);
  expect(gateway.uploads).toEqual([]);
  token = 'u';
  all.resume();
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

test('a removed file is cancelled', async () => {
  const all = make();
  all.add([file()]);
  all.remove(uploads[0]?.id ?? '');
  expect(uploads).toEqual([]);
  all.add([file()]);
  await until(() => uploads[0]?.link !== undefined);
  expect(all.take()).toHaveLength(1);
});
