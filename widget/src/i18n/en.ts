// English, the reference for every other language.

import type { Plural } from './fill';

export interface Words {
  /** Set for languages written from right to left. */
  dir?: 'rtl';
  chat: string;
  open: string;
  close: string;
  unread: Plural;
  greeting: string;
  greetingMore: string;
  nobodyIn: string;
  /** {0}: a day and a time. */
  backAt: string;
  end: string;
  messages: string;
  newMessages: string;
  write: string;
  send: string;
  tooLong: Plural;
  /** Shown to a customer who waits while nobody is online. */
  nobodyYet: string;
  /** {0}: place in the queue. */
  waitingAt: string;
  /** {0}: place in the queue, {1}: estimated wait. */
  waitingFor: string;
  /** The first places in words, for languages that would use words. */
  places: string[];
  /** The place in the queue as an ordinal; only `other` where a plain number will do. */
  place: Plural;
  soon: string;
  minutes: Plural;
  talkingTo: string;
  talking: string;
  closed: string;
  connecting: string;
  noConnection: string;
  refused: string;
  consent: string;
  agree: string;
  joined: string;
  left: string;
  /** To a customer who has not answered for some time. */
  stillThere: string;
  you: string;
  agent: string;
  typing: string;
  sending: string;
  sent: string;
  delivered: string;
  read: string;
  notSent: string;
  tryAgain: string;
  discard: string;
  edited: string;
  removed: string;
  more: string;
  reply: string;
  react: string;
  edit: string;
  remove: string;
  reallyRemove: string;
  replyingTo: string;
  editing: string;
  cancel: string;
  attach: string;
  photo: string;
  drop: string;
  uploading: string;
  uploaded: string;
  /** {0}: the largest size. */
  fileTooLarge: string;
  fileType: string;
  fileFailed: string;
  removeFile: string;
  emoji: string;
  options: string;
  download: string;
  soundOn: string;
  soundOff: string;
  notify: string;
  queue: string;
  pick: string;
  name: string;
  email: string;
  phone: string;
  optional: string;
  required: string;
  invalidEmail: string;
  submit: string;
  rate: string;
  /** From worst to best. */
  scores: [string, string, string, string, string];
  comment: string;
  sendRating: string;
  notNow: string;
  thanks: string;
}

export default {
  chat: 'Chat',
  open: 'Open chat',
  close: 'Close chat',
  unread: { one: '# unread message', other: '# unread messages' },
  greeting: 'How can we help?',
  greetingMore: 'Write below. The answer comes here.',
  nobodyIn: 'Nobody is in right now. Write anyway, and the answer comes here.',
  backAt: 'We’re back {0}.',
  end: 'End chat',
  messages: 'Messages',
  newMessages: 'New messages',
  write: 'Write a message',
  send: 'Send',
  tooLong: { one: 'Too long by # character', other: 'Too long by # characters' },
  nobodyYet: 'Nobody is in right now. The answer comes here.',
  waitingAt: 'You are {0} in line',
  waitingFor: 'You are {0} in line, {1}',
  places: ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth'],
  place: { one: '#st', two: '#nd', few: '#rd', other: '#th' },
  soon: 'less than a minute',
  minutes: { one: 'about # minute', other: 'about # minutes' },
  talkingTo: 'You are talking to {0}',
  talking: 'You are connected',
  closed: 'This chat has ended',
  connecting: 'Connecting',
  noConnection: 'No connection. Trying again',
  refused: 'Chat is not available here right now',
  consent: 'To chat, this browser keeps a key and what is not yet sent.',
  agree: 'Agree and chat',
  joined: '{0} joined',
  left: '{0} left',
  stillThere: 'Are you still there?',
  you: 'You',
  agent: 'Agent',
  typing: '{0} is typing',
  sending: 'Sending',
  sent: 'Sent',
  delivered: 'Delivered',
  read: 'Read',
  notSent: 'Not sent.',
  tryAgain: 'Try again',
  discard: 'Discard',
  edited: 'edited',
  removed: 'Message removed',
  more: 'Reply, edit or delete',
  reply: 'Reply',
  react: 'React with',
  edit: 'Edit',
  remove: 'Delete',
  reallyRemove: 'Delete for everyone',
  replyingTo: 'Reply to {0}',
  editing: 'Edit your message',
  cancel: 'Cancel',
  attach: 'Attach a file',
  photo: 'Take a photo',
  drop: 'Drop files here',
  uploading: 'Uploading {0}',
  uploaded: '{0} is attached',
  fileTooLarge: 'Too large. At most {0}',
  fileType: 'This file type is not accepted',
  fileFailed: 'Not uploaded.',
  removeFile: 'Remove {0}',
  emoji: 'Emoji',
  options: 'Options',
  download: 'Download this chat',
  soundOn: 'Turn sound on',
  soundOff: 'Turn sound off',
  notify: 'Notify me of answers',
  queue: 'What is it about?',
  pick: 'Please choose',
  name: 'Name',
  email: 'Email',
  phone: 'Phone',
  optional: '{0} (optional)',
  required: 'Please fill this in',
  invalidEmail: 'Please check this address',
  submit: 'Send answers',
  rate: 'How was this chat?',
  scores: ['Very bad', 'Bad', 'All right', 'Good', 'Very good'],
  comment: 'What should we know?',
  sendRating: 'Send rating',
  notNow: 'Not now',
  thanks: 'Thank you for your rating',
} satisfies Words as Words;
