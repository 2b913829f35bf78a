// Data that is too large or wrong for the gateway: it does not close a socket, does not block later
// commands, and does not discard what was valid.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Chat, createChat } from '../src/chat/chat';
import { fetchConfig } from '../src/launcher/config';
import { latest } from '../src/state/state';
import { Gateway } from './gateway';

let gateway: Gateway;
let chat: Chat;
let codes: string[];

beforeEach(async () => {
  localStorage.clear();
  sessionStorage.clear();
  document.title = 'A page';
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  vi.spyOn(Math, 'random').mockReturnValue(0.02);
  gateway = new Gateway();
  await gateway.listen();
  codes = [];
});

afterEach(async () => {
  chat.shutdown();
  await gateway.close();
});

function arrive(queue?: string): void {
  const settings = { gateway: gateway.url, tenant: 'demo', theme: 'auto', position: 'right', queue } as const;
  chat = createChat({
    settings: { ...settings, open: false, consentRequired: false },
    emit: (name, ...detail) => {
      if (name === 'error') codes.push((detail[0] as { code: string }).code);
    },
    render() {},
    ask: () => fetchConfig(gateway.url, 'demo'),
  });
  chat.begin();
}

const until = (check: () => boolean) => expect.poll(check, { timeout: 4000, interval: 10 }).toBe(true);
const said = () => gateway.of('message').map(({ text }) => text);
const stored = () => Object.keys(localStorage).filter((key) => key.includes(':out:'));

test('a text of 70,000 characters is not sent, is reported to page and customer, and blocks nothing', async () => {
  arrive();
  chat.say('x'.repeat(70_000));
  chat.say('y'.repeat(8_001));
  chat.say('after it');
  await until(() => said().length === 1);
  expect(said()).toEqual(['after it']);
  expect(codes).toEqual(['too_large', 'too_large']);
  const [first, second] = chat.state().outbox;
  expect([first?.failed, first?.excess, second?.excess]).toEqual(['too_large', 62_000, 1]);
  expect(gateway.tooLarge).toBe(0);
  await until(() => stored().length === 0);
});

test('a value of 70 kB is sent cut, and the name beside it is kept', async () => {
  arrive();
  chat.setCustomer({ blob: 'b'.repeat(70_000), name: 'Kim' });
  chat.say('hello');
  await until(() => said().length === 1);
  expect(gateway.of('start')[0]?.answers).toMatchObject({ name: 'Kim' });
  expect(codes).toEqual(['too_large']);
  expect(gateway.tooLarge).toBe(0);
});

test('a stored command that no gateway accepts is dropped', async () => {
  for (const [id, frame] of Object.entries({
    a: { type: 'message', id: 'a', text: 'x'.repeat(70_000) },
    b: { type: 'start', id: 'b', answers: { blob: 'x'.repeat(70_000), name: 'Kim' } },
    c: { type: 'rate', id: 'c', score: 1, comment: 'x'.repeat(70_000) },
  })) {
    localStorage.setItem(`couplet:demo:out:${id}`, JSON.stringify({ frame, at: Date.now() }));
  }
  localStorage.setItem('couplet:demo:out:d', '{}');
  localStorage.setItem('couplet:demo:out:e', '{"frame":{"id":"e","type":"read"},"at":1}');
  arrive();
  chat.say('hello');
  await until(() => said().length === 1);
  expect(gateway.of('start')[0]?.answers).toEqual({ name: 'Kim' });
  expect(gateway.tooLarge).toBe(0);
  await until(() => stored().length === 0);
});

test.each([
  ['a note of 1,001 characters', { answers: { name: 'Kim', note: 'n'.repeat(1_001) } }],
  [
    '40 keys',
    { answers: { name: 'Kim', ...Object.fromEntries([...Array(40).keys()].map((k) => [`k${k}`, 'x'])) } },
  ],
  ['a long subject', { answers: { name: 'Kim' }, subject: 's'.repeat(300) }],
  ['a lone surrogate', { answers: { name: 'Kim', note: '\ud800', '\udc00': 'x' } }],
  ['a name of 65', { answers: { name: 'Kim', ['k'.repeat(65)]: 'x' } }],
  ['nonsense', { answers: { name: 'Kim', note: () => 1 }, subject: {} }],
])('with %s the queue and the name are kept', async (_, wanted) => {
  arrive();
  chat.start({ queue: 'sales', ...wanted });
  chat.say('hello');
  await until(() => said().length === 1);
  expect(gateway.taken).toMatchObject([
    { type: 'start', queue: 'sales', answers: { name: 'Kim' } },
    { type: 'message', text: 'hello' },
  ]);
});

test('an unknown queue becomes the default one, and is reported to the page', async () => {
  gateway.unknownQueues = ['old'];
  arrive('old');
  chat.setCustomer({ name: 'Kim' });
  chat.say('hello');
  await until(() => said().length === 1);
  expect(gateway.of('start').map(({ queue }) => queue)).toEqual(['old', undefined]);
  expect(gateway.of('start')[1]?.answers).toEqual({ name: 'Kim' });
  expect(gateway.heard.map(({ type }) => type)).toEqual(['hello', 'start', 'start', 'message']);
  expect(codes).toEqual(['unknown_queue']);
});

test('a gateway with narrower limits gets less, and in the end a bare start', async () => {
  const errors = [{ code: 'too_large' }, { code: 'too_large' }];
  gateway.errors = errors;
  arrive();
  chat.start({ queue: 'sales', subject: 'An order', answers: { name: 'Kim', note: 'n' } });
  chat.say('hello');
  await until(() => said().length === 1);
  const asked = gateway.of('start').map(({ subject, queue, answers }) => [subject, queue, answers]);
  expect(asked).toEqual([
    ['An order', 'sales', { name: 'Kim', note: 'n' }],
    [undefined, 'sales', { name: 'Kim' }],
    [undefined, 'sales', undefined],
  ]);
  expect(new Set(gateway.of('start').map(({ id }) => id)).size).toBe(3);
});

test('a page with a very long title and address can say hello', async () => {
  document.title = `A\ud800 ${'t'.repeat(100_000)}`;
  arrive();
  chat.setPage(`/${'p'.repeat(100_000)}`);
  chat.identify('j'.repeat(100_000));
  chat.panel(true);
  await until(() => chat.state().link === 'online');
  expect(gateway.tooLarge).toBe(0);
  expect(gateway.of('hello')[0]?.identity).toBeUndefined();
  expect(codes).toEqual(['too_large']);
});

test('more files than a message may have are sent in several', async () => {
  arrive();
  chat.panel(true);
  await until(() => chat.state().link === 'online');
  chat.attach([...Array(12).keys()].map((at) => new File(['x'], `${at}.txt`, { type: 'text/plain' })));
  await until(() => chat.state().uploads.every(({ link }) => link));
  chat.send('twelve');
  await until(() => gateway.of('message').length === 2);
  expect(gateway.of('message').map(({ text, files }) => [text, files.length])).toEqual([
    ['twelve', 10],
    [undefined, 2],
  ]);
  await until(() => chat.state().outbox.length === 0 && !!latest(chat.state()));
});

test('a socket closed for a too large frame discards the command in flight, and no more', async () => {
  arrive();
  chat.say('first');
  await until(() => chat.state().outbox.length === 0);
  gateway.loseAcks = true;
  chat.say('second');
  chat.say('third');
  await until(() => said().length === 2);
  gateway.loseAcks = false;
  gateway.cut(1009);
  await until(() => said().includes('third'));
  expect(codes).toEqual(['too_large']);
  expect(said().filter((text) => text === 'second')).toHaveLength(1);
});
