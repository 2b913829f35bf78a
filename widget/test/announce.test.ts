// The events the page gets for the difference between two states.

import { expect, test } from 'vitest';
import { announce } from '../src/announce';
import { type Action, reduce } from '../src/state/reduce';
import { initial, type State } from '../src/state/state';
import type { ServerFrame } from '../src/wire';

const frame = (frame: ServerFrame): Action => ({ type: 'frame', frame });
const said = frame({
  ...{ type: 'entry', conversation: 'c', seq: 1, at: 5, kind: 'message', text: 'hi' },
  from: { kind: 'agent', name: 'Ann' },
});

function told(before: State, ...actions: Action[]): [string, unknown][] {
  const list: [string, unknown][] = [];
  announce(before, actions.reduce(reduce, before), (name, ...detail) => void list.push([name, detail[0]]));
  return list;
}

test('a first message begins a conversation, and is announced once', () => {
  const files = undefined;
  expect(told(initial, said)).toEqual([
    ['start', { conversation: 'c' }],
    ['state', { conversation: 'c', state: 'waiting', position: undefined, eta_s: undefined }],
    [
      'message',
      { conversation: 'c', seq: 1, at: 5, from: { kind: 'agent', name: 'Ann' }, text: 'hi', files },
    ],
    ['unread', { count: 1 }],
  ]);
  expect(told(reduce(initial, said), said)).toEqual([]);
});

test('changes of panel, place, agent, end and rating are announced', () => {
  const state = reduce(initial, said);
  expect(told(state, { type: 'panel', open: true })).toEqual([['open', undefined]]);
  const place = { position: 2, eta_s: 60 };
  const waiting = frame({ type: 'state', conversation: 'c', state: 'waiting', ...place });
  expect(told(state, waiting)).toEqual([['state', { conversation: 'c', state: 'waiting', ...place }]]);
  const active = frame({ type: 'state', conversation: 'c', state: 'active', agent: { name: 'Ann' } });
  expect(told(state, active)).toContainEqual(['agent', { conversation: 'c', name: 'Ann' }]);
  const closed = frame({ type: 'state', conversation: 'c', state: 'closed' });
  expect(told(state, closed)).toContainEqual(['end', { conversation: 'c' }]);
  const over = reduce(state, closed);
  expect(told(over, { type: 'rated', score: 3 })).toEqual([['rating', { conversation: 'c', score: 3 }]]);
  expect(told(over, { type: 'rated', score: 0 })).toEqual([]);
});
