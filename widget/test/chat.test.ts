// The chat against the test gateway: what is sent, when, and what happens when things break.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Chat, createChat } from '../src/chat/chat';
import { fetchConfig } from '../src/launcher/config';
import { createEvents } from '../src/launcher/events';
import type { Settings } from '../src/launcher/settings';
import { latest, unread } from '../src/state/state';
import { Gateway } from './gateway';

let gateway: Gateway;
let chats: Chat[];
let events: [string, unknown][];

beforeEach(async () => {
  localStorage.clear();
  sessionStorage.clear();
  gateway = new Gateway();
  await gateway.listen();
  chats = [];
  events = [];
  // Full jitter, but with almost no wait.
  vi.spyOn(Math, 'random').mockReturnValue(0.02);
});

afterEach(async () => {
  for (const chat of chats) chat.shutdown();
  await gateway.close();
});

function arrive(more: Partial<Settings> = {}): Chat {
  const settings = {
    gateway: gateway.url,
    tenant: 'demo',
    theme: 'auto',
    position: 'right',
    open: false,
  } as const;
  const { emit } = createEvents();
  const heard: typeof emit = (name, ...detail) => {
    events.push([name, detail[0]]);
    emit(name, ...detail);
  };
  const chat = createChat({
    settings: { ...settings, consentRequired: false, ...more },
    emit: heard,
    render() {},
    ask: () => fetchConfig(gateway.url, 'demo'),
  });
  chats.push(chat);
  chat.begin();
  return chat;
}

const until = (check: () => boolean) => expect.poll(check, { timeout: 4000, interval: 10 }).toBe(true);
const texts = (chat: Chat) =>
  latest(chat.state())
    ?.entries.filter((l) => l.kind === 'message')
    .map((l) => l.text);
const isSent = (chat: Chat) => until(() => chat.state().outbox.length === 0 && !!latest(chat.state()));

test('no socket without a reason; the open panel is one', async () => {
  const chat = arrive();
  expect(chat.state().link).toBe('idle');
  chat.panel(true);
  await until(() => chat.state().link === 'online');
  const [hello] = gateway.of('hello');
  expect(hello).toMatchObject({ page: { url: 'https://shop.example/cart' } });
  expect(JSON.stringify(hello)).not.toContain('secret');
  chat.panel(false);
  await until(() => gateway.sockets === 0);
});

test('messages are sent one at a time, in order, despite temporary refusals', async () => {
  const chat = arrive();
  gateway.errors = [
    { code: 'rate_limited', retry_after_ms: 20 },
    { code: 'unavailable', retry_after_ms: 20 },
  ];
  for (const text of ['one', 'two', 'three']) chat.send(text);
  await isSent(chat);
  expect(gateway.current.log.map(({ text }) => text)).toEqual(['one', 'two', 'three']);
  expect(texts(chat)).toEqual(['one', 'two', 'three']);
});

test('a message whose ack was lost is resent under its id, and exists once', async () => {
  const chat = arrive();
  chat.send('one');
  await isSent(chat);
  gateway.loseAcks = true;
  chat.send('two');
  await until(() => gateway.current.log.length === 2);
  gateway.loseAcks = false;
  gateway.cut();
  await isSent(chat);
  expect(texts(chat)).toEqual(['one', 'two']);
  expect(gateway.current.log).toHaveLength(2);
});

test('unsent messages outlive the page', async () => {
  gateway.refuse = 503;
  const chat = arrive();
  chat.send('hold this');
  await until(() => chat.state().link === 'retrying');
  gateway.refuse = 0;
  const next = arrive();
  await isSent(next);
  expect(texts(next)).toEqual(['hold this']);
});

test('a permanent refusal marks the message, lets the next one pass, and can be retried', async () => {
  const chat = arrive();
  gateway.errors = [{ code: 'forbidden' }];
  chat.send('no');
  chat.send('yes');
  await until(() => texts(chat)?.[0] === 'yes');
  const [failed] = chat.state().outbox;
  expect(failed?.failed).toBe('forbidden');
  chat.retry(failed?.frame.id ?? '');
  await isSent(chat);
  expect(texts(chat)).toEqual(['yes', 'no']);
});

test('a refused page asks config why and stops; opening the panel tries again', async () => {
  gateway.refuse = 403;
  const chat = arrive();
  chat.panel(true);
  await until(() => chat.state().link === 'refused');
  expect(events).toContainEqual(['error', expect.objectContaining({ code: 'refused' })]);
  gateway.refuse = 0;
  chat.panel(true);
  await until(() => chat.state().link === 'online');
});

test('a refused identity is not retried until there is another', async () => {
  const chat = arrive();
  chat.panel(true);
  await until(() => chat.state().link === 'online');
  gateway.cut(4401);
  await until(() => chat.state().link === 'refused');
  chat.identify('jwt');
  await until(() => chat.state().link === 'online');
  expect(gateway.of('hello').pop()).toMatchObject({ identity: 'jwt' });
});

test('a new JWT is requested for an expired one, and the chat goes on meanwhile', async () => {
  const chat = arrive();
  chat.identify('old');
  chat.panel(true);
  await until(() => chat.state().link === 'online');
  const message = 'exp: the JWT has expired';
  gateway.tell({ type: 'error', code: 'unauthorized', reason: 'identity_expired', message });
  await until(() => events.some(([name]) => name === 'identity'));
  expect(events).toContainEqual(['identity', { expired: true }]);
  expect(chat.state().link).toBe('online');
  chat.identify('new');
  await until(() => gateway.of('hello').some((hello) => hello.identity === 'new'));
  gateway.tell({ type: 'error', code: 'unauthorized', reason: 'session_unknown', message: 'gone' });
  await until(() => events.filter(([name]) => name === 'error').length === 2);
  expect(events.filter(([name]) => name === 'identity')).toHaveLength(1);
});

test('the gateway says when to come back', async () => {
  const chat = arrive();
  chat.panel(true);
  await until(() => chat.state().link === 'online');
  gateway.tell({ type: 'bye', reason: 'restart', reconnect_after_ms: 300 });
  const left = Date.now();
  gateway.cut(1012);
  await until(() => chat.state().link === 'retrying');
  await until(() => chat.state().link === 'online');
  expect(Date.now() - left).toBeGreaterThanOrEqual(290);
});

test('a session that the gateway no longer knows is replaced, and messages are kept', async () => {
  const first = arrive();
  first.send('one');
  await isSent(first);
  gateway.forgetSessions();
  const chat = arrive();
  chat.send('two');
  await isSent(chat);
  expect(texts(chat)).toEqual(['two']);
  expect(JSON.parse(localStorage.getItem('couplet:demo:session') ?? '')).toMatchObject({ token: 'token-2' });
});

test('queue and answers are sent before the first message', async () => {
  const chat = arrive({ queue: 'sales' });
  chat.setCustomer({ name: 'Kim' });
  chat.send('hello');
  await isSent(chat);
  expect(gateway.heard.map(({ type }) => type).slice(1)).toEqual(['start', 'message']);
  expect(gateway.of('start')[0]).toMatchObject({ queue: 'sales', answers: { name: 'Kim' } });
  chat.send('again');
  await isSent(chat);
  expect(gateway.of('start')).toHaveLength(1);
});

test('unread messages are counted while the panel is closed, and reported as read once it is open', async () => {
  const chat = arrive();
  chat.send('hello');
  await isSent(chat);
  gateway.join('Ann');
  gateway.says('hi');
  await until(() => unread(chat.state()) === 1);
  expect(gateway.of('read')).toEqual([]);
  chat.panel(true);
  await until(() => gateway.of('read').length === 1);
  expect(gateway.of('read')[0]).toMatchObject({ seq: 3 });
  expect(unread(chat.state())).toBe(0);
});

test('typing is reported now and then, and ends when the message is sent', async () => {
  const chat = arrive();
  chat.send('hello');
  await isSent(chat);
  for (let key = 0; key < 5; key += 1) chat.typing(true);
  chat.send('more');
  await isSent(chat);
  expect(gateway.of('typing').map(({ on }) => on)).toEqual([true, false]);
});

test('when the browser goes offline the connection is dropped at once', async () => {
  const chat = arrive();
  chat.send('one');
  await isSent(chat);
  window.dispatchEvent(new Event('offline'));
  expect(chat.state().link).toBe('retrying');
  chat.send('two');
  expect(chat.state().outbox).toHaveLength(1);
  window.dispatchEvent(new Event('online'));
  await isSent(chat);
  expect(gateway.current.log.map(({ text }) => text)).toEqual(['one', 'two']);
});

test('ending closes the conversation, and the next message begins another', async () => {
  const chat = arrive();
  chat.send('one');
  await isSent(chat);
  chat.end();
  await until(() => latest(chat.state())?.state === 'closed');
  expect(latest(chat.state())?.entries.map(({ kind }) => kind)).toEqual(['message', 'closed']);
  await until(() => gateway.sockets === 0);
  chat.send('two');
  await until(() => gateway.conversations.length === 2);
  await isSent(chat);
  expect(texts(chat)).toEqual(['two']);
  expect(events.map(([name]) => name)).toEqual(expect.arrayContaining(['start', 'message', 'state', 'end']));
});

test('a tab without a socket connects when another tab begins a conversation', async () => {
  const other = arrive();
  const chat = arrive();
  chat.send('one');
  await isSent(chat);
  expect(other.state().link).toBe('idle');
  const written = () => localStorage.getItem('couplet:demo:session');
  const tell = (newValue: string | null) =>
    window.dispatchEvent(new StorageEvent('storage', { key: 'couplet:demo:session', newValue }));
  tell(written());
  await until(() => texts(other)?.[0] === 'one');
  gateway.join('Ann');
  gateway.says('hi');
  await until(() => unread(other.state()) === 1);
  chat.panel(true);
  await until(() => gateway.of('read').length === 1);
  // Two tabs write at once, and the one that has shown less wins on disk.
  const shown = written();
  localStorage.setItem('couplet:demo:session', JSON.stringify({ ...JSON.parse(shown ?? ''), read: 1 }));
  tell(shown);
  expect(unread(other.state())).toBe(0);
  expect(written()).toBe(shown);
});

test('shutdown leaves nothing behind', async () => {
  const chat = arrive();
  chat.send('one');
  await isSent(chat);
  chat.shutdown();
  await until(() => gateway.sockets === 0);
  expect(localStorage.length).toBe(0);
});

/** A conversation with an agent, in which both have written. */
async function talking(more: Partial<Settings> = {}): Promise<Chat> {
  const chat = arrive(more);
  chat.panel(true);
  chat.say('hello');
  await isSent(chat);
  gateway.join('Ann');
  gateway.says('hi');
  await until(() => texts(chat)?.length === 2);
  return chat;
}

const idOf = (chat: Chat) => latest(chat.state())?.id ?? '';

test('a reply names the message it replies to, and only while its conversation is open', async () => {
  const chat = await talking();
  chat.setTarget('reply', idOf(chat), 3);
  chat.send('to that');
  await until(() => gateway.of('message').length === 2);
  expect(gateway.of('message')[1]).toMatchObject({ text: 'to that', reply_to: 3 });
  expect(chat.state().target).toBeUndefined();
  chat.setTarget('reply', 'another', 3);
  chat.send('to nothing');
  await until(() => gateway.of('message').length === 3);
  expect(gateway.of('message')[2]).not.toHaveProperty('reply_to');
});

test('an own message is edited and retracted by its id', async () => {
  const chat = await talking();
  const { id } = gateway.of('message')[0] ?? {};
  chat.setTarget('edit', idOf(chat), 1);
  chat.send('hello there');
  await until(() => gateway.of('edit').length === 1);
  expect(gateway.of('edit')[0]).toMatchObject({ target: id, text: 'hello there' });
  await isSent(chat);
  expect(texts(chat)).toEqual(['hello there', 'hi']);
  chat.retract(1);
  await until(() => gateway.of('retract').length === 1);
  expect(gateway.of('retract')[0]).toMatchObject({ target: id });
  await isSent(chat);
  expect(latest(chat.state())?.entries[0]).toMatchObject({ retracted: true });
});

test('an edit that changes nothing is not sent', async () => {
  const chat = await talking();
  chat.setTarget('edit', idOf(chat), 1);
  chat.send('hello');
  chat.send('next');
  await until(() => gateway.of('message').length === 2);
  expect(gateway.of('edit')).toEqual([]);
});

test('a choice is sent once for its entry and shown with its label', async () => {
  const chat = await talking();
  gateway.says('Which colour?', { buttons: [{ label: 'Blue', value: 'b' }] });
  await until(() => texts(chat)?.length === 3);
  chat.choose(4, 'b', 'Blue');
  await isSent(chat);
  expect(gateway.of('choice')[0]).toMatchObject({ of: 4, value: 'b' });
  expect(latest(chat.state())?.entries[4]).toMatchObject({ kind: 'choice', text: 'Blue', reply_to: 4 });
});

test('a rating goes to the gateway and to the page, and outlives the reload', async () => {
  const chat = await talking();
  gateway.closes();
  await until(() => latest(chat.state())?.state === 'closed');
  chat.rate(4, 'quick');
  await until(() => gateway.of('rate').length === 1);
  expect(gateway.of('rate')[0]).toMatchObject({ score: 4, comment: 'quick' });
  expect(events).toContainEqual(['rating', { conversation: idOf(chat), score: 4 }]);
  expect(latest(arrive().state())?.rated).toBe(4);
});

test('a file is uploaded with the session, then goes with a message', async () => {
  const chat = await talking();
  chat.attach([new File(['12345'], 'a.txt', { type: 'text/plain' })]);
  await until(() => chat.state().uploads[0]?.link !== undefined);
  expect(gateway.uploads[0]?.token).toBe('Bearer token-1');
  expect(gateway.uploads[0]?.body).toContain('12345');
  chat.send('');
  await until(() => gateway.of('message').length === 2);
  expect(gateway.of('message')[1]).toMatchObject({ files: ['f1'] });
  await isSent(chat);
  expect(chat.state().uploads).toEqual([]);
  expect(latest(chat.state())?.entries[3]).toMatchObject({ files: [{ id: 'f1', name: 'a.txt' }] });
});

test('what is known of the customer and chosen in the form is sent before the first message', async () => {
  const chat = arrive();
  chat.setCustomer({ vip: true, nothing: null });
  chat.send('hello', { queue: 'sales', answers: { name: 'Kim' } });
  await isSent(chat);
  expect(gateway.of('start')).toHaveLength(1);
  expect(gateway.of('start')[0]).toMatchObject({ queue: 'sales', answers: { name: 'Kim', vip: 'true' } });
});

test('a transcript waits for the whole conversation', async () => {
  const chat = arrive();
  chat.say('first');
  await isSent(chat);
  gateway.join('Ann');
  for (let n = 3; n <= 170; n += 1) gateway.says(`line ${n}`);
  await until(() => latest(chat.state())?.last === 170);
  const later = arrive();
  await until(() => latest(later.state())?.last === 170);
  expect(texts(later)).toHaveLength(50);
  const done = new Promise<void>((resolve) => later.whole(resolve));
  await done;
  expect(latest(later.state())?.entries).toHaveLength(170);
});

test('name and email are not asked for again in the next conversation, and are sent with it', async () => {
  const chat = arrive();
  chat.send('one', { answers: { name: 'Kim', order: '1482' } });
  await isSent(chat);
  expect(chat.state().answers).toEqual({ name: 'Kim' });
  chat.end();
  await until(() => latest(chat.state())?.state === 'closed');
  chat.send('two');
  await until(() => gateway.of('start').length === 2);
  expect(gateway.of('start')[1]).toMatchObject({ answers: { name: 'Kim' } });
});

test('a file chosen before there is a session waits for it, and is a reason for one', async () => {
  const chat = arrive();
  chat.attach([new File(['12345'], 'a.txt')]);
  await until(() => chat.state().uploads[0]?.link !== undefined);
  expect(gateway.uploads[0]?.token).toBe('Bearer token-1');
});

test('an edit that is too late leaves its text in the composer', async () => {
  const chat = await talking();
  chat.setTarget('edit', idOf(chat), 1);
  gateway.closes();
  await until(() => latest(chat.state())?.state === 'closed');
  expect(chat.send('better words')).toBe(false);
  expect(chat.state().target).toBeUndefined();
  expect(chat.state().outbox).toEqual([]);
});

test('a start that is too old to be sent is removed from disk, too', () => {
  const at = Date.now() - 25 * 3600_000;
  localStorage.setItem('couplet:demo:out:e', JSON.stringify({ frame: { type: 'end', id: 'e' }, at }));
  const chat = arrive();
  expect(chat.state().outbox).toEqual([]);
  expect(Object.keys(localStorage)).toEqual([]);
});
