// The reducer: how frames and actions change the state.

import { expect, test } from 'vitest';
import { type Action, reduce } from '../src/state/reduce';
import { away, initial, isOpen, isToBeRated, latest, type State, unread } from '../src/state/state';
import type { Command, Entry, ErrorFrame, ServerFrame, Welcome } from '../src/wire';

const entry = (seq: number, more: Partial<Entry> = {}): Entry => ({
  conversation: 'c',
  seq,
  at: seq * 1000,
  kind: 'message',
  from: { kind: 'agent', name: 'Ann' },
  text: `text ${seq}`,
  ...more,
});

const welcome = (more: Partial<Welcome> = {}): Welcome => ({
  type: 'welcome',
  session: { token: 't', customer: 'me', expires: 9 },
  entries: [],
  limits: { frame_bytes: 65536, text_chars: 8000, file_bytes: 0, messages_per_second: 5 },
  now: 0,
  ...more,
});

const frame = (frame: ServerFrame): Action => ({ type: 'frame', frame });
const arrives = (seq: number, more?: Partial<Entry>) => frame({ type: 'entry', ...entry(seq, more) });
const queued = (id: string, at = 0): Action => ({
  type: 'queued',
  out: { frame: { type: 'message', id, text: id }, at },
});
const run = (...actions: Action[]): State => actions.reduce(reduce, initial);
const seqs = (state: State) => latest(state)?.entries.map(({ seq }) => seq);

test('entries are in order and unique, and `last` stops at a gap', () => {
  const state = run(arrives(1), arrives(4), arrives(2), arrives(2));
  expect(seqs(state)).toEqual([1, 2, 4]);
  expect(latest(state)?.last).toBe(2);
  expect(latest(reduce(state, arrives(3)))?.last).toBe(4);
});

test('an ack turns the pending message into its entry', () => {
  const state = run(
    queued('a'),
    frame({ type: 'ack', id: 'a', conversation: 'c', seq: 1, at: 5 }),
    frame({ type: 'ack', id: 'a', conversation: 'c', seq: 1, at: 5 }),
  );
  expect(state.outbox).toEqual([]);
  expect(latest(state)?.entries).toMatchObject([{ seq: 1, id: 'a', text: 'a', from: { kind: 'customer' } }]);
});

test('an entry with the id of a pending message is that message', () => {
  const own = { id: 'a', from: { kind: 'customer' } } as const;
  expect(run(queued('a'), arrives(1, own)).outbox).toEqual([]);
  // An agent's message ids are independent of ours.
  expect(run(queued('a'), arrives(1, { id: 'a' })).outbox).toHaveLength(1);
});

test('a temporary refusal keeps the message pending, a permanent one marks it, a retry clears the mark', () => {
  const refused = (code: ErrorFrame['code']) => frame({ type: 'error', code, message: '', for: 'a' });
  expect(run(queued('a'), refused('rate_limited')).outbox[0]?.failed).toBeUndefined();
  const state = run(queued('a'), refused('too_large'));
  expect(state.outbox[0]?.failed).toBe('too_large');
  expect(reduce(state, { type: 'retry', id: 'a' }).outbox[0]?.failed).toBeUndefined();
});

test('a welcome closes a conversation that has ended and starts the open one', () => {
  const conversation = {
    id: 'd',
    state: 'active',
    queue: 'default',
    seq: 0,
    agent: { name: 'Bob' },
  } as const;
  const state = run(arrives(1), frame(welcome({ conversation })));
  expect(state.conversations.map(({ id, state }) => [id, state])).toEqual([
    ['c', 'closed'],
    ['d', 'active'],
  ]);
  expect(isOpen(reduce(state, frame(welcome())))).toBe(false);
});

test('a log belongs to one customer', () => {
  const mine = run(frame(welcome()), arrives(1), queued('a'));
  const other = welcome({ session: { token: 'u', customer: 'other', expires: 9 } });
  const renewed = reduce(mine, frame(other));
  expect(renewed.conversations).toEqual([]);
  expect(renewed.outbox[0]?.failed).toBeUndefined();
  const identified = reduce(mine, { type: 'frame', frame: other, identified: true });
  expect(identified.outbox[0]?.failed).toBe('forbidden');
});

test('after a reload the tail is replayed, and only what is new counts as unread', () => {
  const session = { token: 't', customer: 'me', conversation: 'c', open: true, seq: 80, read: 80 };
  const entries = Array.from({ length: 52 }, (_, n) => entry(31 + n));
  const state = run(
    { type: 'restored', session, outbox: [] },
    frame(welcome({ conversation: { id: 'c', state: 'active', queue: 'default', seq: 82 }, entries })),
  );
  expect(latest(state)).toMatchObject({ last: 82, known: 80 });
  expect(unread(state)).toBe(2);
  expect(unread(reduce(state, { type: 'seen' }))).toBe(0);
});

test('a message unsent for a day is not sent without loading', () => {
  const outbox = [
    { frame: { type: 'message', id: 'a', text: 'a' } as const, at: Date.now() - 25 * 3600_000 },
  ];
  expect(run({ type: 'restored', outbox }).outbox[0]?.failed).toBe('stale');
});

test('history is put in front and reports its end', () => {
  const state = run(
    { type: 'restored', session: { token: 't', customer: 'me', conversation: 'c', seq: 60 }, outbox: [] },
    arrives(11),
    { type: 'loading', id: 'h' },
    frame({ type: 'entries', conversation: 'c', for: 'h', entries: [entry(9), entry(10)], more: false }),
  );
  expect(seqs(state)).toEqual([9, 10, 11]);
  expect(latest(state)).toMatchObject({ loading: undefined, complete: true, last: 11 });
});

test('receipts only ever grow, and what is read has been delivered', () => {
  const receipt = (delivered?: number, read?: number) =>
    frame({ type: 'receipt', conversation: 'c', delivered, read });
  expect(latest(run(arrives(1), receipt(1, 3), receipt(2)))).toMatchObject({ delivered: 3, confirmed: 3 });
});

test('an edit and a retraction change only the message they name, by the same author', () => {
  const state = run(
    arrives(1),
    arrives(2),
    arrives(3, { kind: 'edit', target: 1, text: 'better' }),
    arrives(4, { kind: 'retract', target: 2, text: undefined }),
    arrives(5, { kind: 'edit', target: 1, text: 'forged', from: { kind: 'customer' } }),
  );
  expect(latest(state)?.entries[0]).toMatchObject({ text: 'better', edited: true });
  expect(latest(state)?.entries[1]).toMatchObject({ text: undefined, retracted: true });
});

test('a message retracted before it was read has no text, nor has its edit', () => {
  const state = run(
    arrives(1, { text: undefined }),
    arrives(2, { kind: 'edit', target: 1, text: undefined }),
  );
  expect(latest(state)?.entries[0]).toMatchObject({ retracted: true });
  const file = { id: 'f', name: 'a.png' };
  expect(latest(run(arrives(1, { text: undefined, files: [file] })))?.entries[0]?.retracted).toBeUndefined();
});

test('an own edit and an own retraction take effect with their ack', () => {
  const out = (frame: Command): Action => ({ type: 'queued', out: { frame, at: 0 } });
  const ack = (id: string, seq: number) => frame({ type: 'ack', id, conversation: 'c', seq, at: 5 });
  const own = { id: 'a', from: { kind: 'customer' } } as const;
  const edited = run(arrives(1, own), out({ type: 'edit', id: 'e', target: 'a', text: 'new' }), ack('e', 2));
  expect(latest(edited)).toMatchObject({
    last: 2,
    entries: [{ text: 'new', edited: true }, { kind: 'edit' }],
  });
  const gone = [out({ type: 'retract', id: 'r', target: 'a' }), ack('r', 3)].reduce(reduce, edited);
  expect(latest(gone)?.entries[0]).toMatchObject({ retracted: true });
  expect(gone.outbox).toEqual([]);
});

test('a refused edit can be retried or discarded; a refused choice is dropped', () => {
  const state = run(
    { type: 'queued', out: { frame: { type: 'edit', id: 'e', target: 'a', text: 'new' }, at: 0 } },
    { type: 'queued', out: { frame: { type: 'choice', id: 'h', of: 1, value: 'x' }, at: 0 } },
    frame({ type: 'error', code: 'conflict', message: '', for: 'e' }),
    frame({ type: 'error', code: 'conflict', message: '', for: 'h' }),
  );
  expect(state.outbox.map(({ frame, failed }) => [frame.id, failed])).toEqual([['e', 'conflict']]);
  expect(reduce(state, { type: 'discarded', id: 'e' }).outbox).toEqual([]);
});

test('a choice is shown with the label that was offered', () => {
  const state = run(
    arrives(1, { buttons: [{ label: 'Blue', value: 'b' }] }),
    {
      type: 'queued',
      out: { frame: { type: 'choice', id: 'h', of: 1, value: 'b' }, at: 0, label: 'Blue' },
    },
    frame({ type: 'ack', id: 'h', conversation: 'c', seq: 2, at: 5 }),
  );
  expect(latest(state)?.entries[1]).toMatchObject({ kind: 'choice', reply_to: 1, text: 'Blue' });
});

test('a rating is asked for once, and only if somebody replied', () => {
  const over = arrives(3, { kind: 'closed', from: { kind: 'system' } });
  const both = [arrives(1, { from: { kind: 'customer' } }), arrives(2)] as const;
  expect(isToBeRated(run(...both))).toBe(false);
  expect(isToBeRated(run(both[0], over))).toBe(false);
  const state = run(...both, over);
  expect(isToBeRated(state)).toBe(true);
  expect(isToBeRated(reduce(state, queued('a')))).toBe(false);
  expect(isToBeRated(reduce(state, { type: 'rated', score: 0 }))).toBe(false);
});

test('the place is known only while waiting; typing ends with the message or the connection', () => {
  const waiting: ServerFrame = { type: 'state', conversation: 'c', state: 'waiting', position: 2, eta_s: 60 };
  const state = run(frame(waiting));
  expect(latest(state)).toMatchObject({ position: 2, eta: 60 });
  const active = reduce(state, frame({ ...waiting, state: 'active', agent: { name: 'Ann' } }));
  expect(latest(active)).toMatchObject({ position: undefined, agent: { name: 'Ann' } });
  const typing = reduce(active, frame({ type: 'typing', on: true, name: 'Ann' }));
  expect(reduce(typing, arrives(1)).typing).toBeUndefined();
  expect(reduce(typing, { type: 'link', link: 'retrying' }).typing).toBeUndefined();
});

test('a queue that is closed is away, whoever is online; the page may have chosen the queue', () => {
  const next = Date.now() + 60_000;
  const closed = { open: false, next };
  const queues = [
    { key: 'default', name: 'All', open: true },
    { key: 'sales', name: 'Sales', ...closed },
  ];
  const of = (config: object, queue?: string) => away({ ...initial, config, queue });
  expect(of({ online: true, open: true, queues })).toEqual({ isAway: false, next: undefined });
  expect(of({ online: true, open: true, queues }, 'sales')).toEqual({ isAway: true, next });
  expect(of({ online: true, open: true, queues }, 'other').isAway).toBe(false);
  expect(of({ online: false, ...closed })).toEqual({ isAway: true, next });
  expect(of({ online: false, open: true })).toEqual({ isAway: true, next: undefined });
  expect(of({ open: false, next: Date.now() - 1 })).toEqual({ isAway: true, next: undefined });
  expect(of({})).toEqual({ isAway: false, next: undefined });
});

test('when somebody will be in is known only while waiting', () => {
  const waiting: ServerFrame = { type: 'state', conversation: 'c', state: 'waiting', open_at: 9 };
  const state = run(frame(waiting));
  expect(latest(state)).toMatchObject({ openAt: 9, unattended: true });
  expect(latest(reduce(state, frame({ ...waiting, state: 'active' })))?.openAt).toBeUndefined();
});

test('a retried message keeps its files; a stale start is dropped', () => {
  const at = Date.now();
  const files = [{ id: 'f', name: 'a.txt' }];
  const message: Command = { type: 'message', id: 'a', files: ['f'] };
  const out = { frame: message, at, files };
  const failed = reduce(
    run({ type: 'queued', out }),
    frame({ type: 'error', code: 'forbidden', message: '', for: 'a' }),
  );
  expect(failed.outbox[0]?.failed).toBe('forbidden');
  expect(reduce(failed, { type: 'retry', id: 'a' }).outbox).toEqual([out]);
  const old = { frame: { type: 'rate', id: 'r', score: 5 } as const, at: at - 25 * 3600_000 };
  expect(run({ type: 'restored', outbox: [old] }).outbox).toEqual([]);
});
