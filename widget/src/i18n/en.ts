// English, the language every other one is measured against.

import { plural } from './plural';

const count = plural('en');
const ordinal = plural('en', { type: 'ordinal' });

const PLACES = [
  'first',
  'second',
  'third',
  'fourth',
  'fifth',
  'sixth',
  'seventh',
  'eighth',
  'ninth',
  'tenth',
];

const place = (n: number) =>
  PLACES[n - 1] ?? ordinal(n, { one: '#st', two: '#nd', few: '#rd', other: '#th' });

const wait = (minutes: number) =>
  minutes < 1 ? 'less than a minute' : `about ${count(minutes, { one: '# minute', other: '# minutes' })}`;

export const en = {
  chat: 'Chat',
  openChat: 'Open chat',
  closeChat: 'Close chat',
  unread: (n: number) => count(n, { one: '# unread message', other: '# unread messages' }),
  greeting: 'How can we help?',
  greetingMore: 'Write below. The answer comes here.',
  nobodyIn: 'Nobody is in right now. Write anyway, and the answer comes here.',
  endChat: 'End chat',
  messages: 'Messages',
  write: 'Write a message',
  send: 'Send',
  tooLong: (n: number) => count(n, { one: 'Too long by # character', other: 'Too long by # characters' }),
  waiting: 'Someone will be with you soon',
  waitingAt: (position: number, minutes?: number) =>
    `You are ${place(position)} in line${minutes === undefined ? '' : `, ${wait(minutes)}`}`,
  talkingTo: (name: string) => `You are talking to ${name}`,
  talking: 'You are connected',
  closed: 'This chat has ended',
  connecting: 'Connecting',
  noConnection: 'No connection. Trying again',
  refused: 'Chat is not available here right now',
  consent: 'To chat, this browser keeps a key and what is not yet sent.',
  agree: 'Agree and chat',
  joined: (name: string) => `${name} joined`,
  left: (name: string) => `${name} left`,
  transferred: (name?: string) => (name ? `${name} takes over` : 'Someone else takes over'),
  you: 'You',
  agent: 'Agent',
  typing: (name?: string) => `${name ?? 'Agent'} is typing`,
  sending: 'Sending',
  sent: 'Sent',
  delivered: 'Delivered',
  read: 'Read',
  notSent: 'Not sent.',
  tryAgain: 'Try again',
  edited: 'edited',
  removed: 'Message removed',
};

export type Words = typeof en;
