// The frames of `couplet.v1`, from docs/protocol.schema.json by `npm run protocol`: not to be changed
// by hand.

/**
 * An answer to a question.
 */
export type ChoiceValue =
  | string
  | {
      [k: string]: string;
    };
/**
 * A frame from a customer's client.
 */
export type ClientFrame =
  | (Hello & {
      type: 'hello';
    })
  | (Start & {
      type: 'start';
    })
  | (Message & {
      type: 'message';
    })
  | (Edit & {
      type: 'edit';
    })
  | {
      /**
       * The command's id.
       */
      id: string;
      /**
       * The id of the customer's own message.
       */
      target: string;
      type: 'retract';
    }
  | (Choice & {
      type: 'choice';
    })
  | (Rate & {
      type: 'rate';
    })
  | {
      /**
       * The command's id.
       */
      id: string;
      type: 'end';
    }
  | {
      /**
       * Which.
       */
      on: boolean;
      type: 'typing';
    }
  | {
      /**
       * The entry.
       */
      seq: number;
      type: 'read';
    }
  | (Page1 & {
      type: 'page';
    })
  | (History & {
      type: 'history';
    })
  | {
      /**
       * Comes back in the `pong`.
       */
      n?: number;
      type: 'ping';
    };
/**
 * What an entry is.
 */
export type EntryKind = 'message' | 'edit' | 'retract' | 'choice' | 'joined' | 'left' | 'closed';
/**
 * Why something was refused.
 */
export type ErrorCode =
  | 'bad_frame'
  | 'unknown_type'
  | 'too_large'
  | 'rate_limited'
  | 'unauthorized'
  | 'forbidden'
  | 'unknown_tenant'
  | 'unknown_queue'
  | 'not_open'
  | 'conflict'
  | 'unavailable';
/**
 * Which side made an entry.
 */
export type FromKind = 'customer' | 'agent' | 'bot' | 'system';
/**
 * Where a conversation stands.
 */
export type Phase = 'waiting' | 'active' | 'closed';
/**
 * A frame to a customer's client.
 */
export type ServerFrame =
  | (Welcome & {
      type: 'welcome';
    })
  | (Ack & {
      type: 'ack';
    })
  | (Entry & {
      type: 'entry';
    })
  | (State & {
      type: 'state';
    })
  | (Receipt & {
      type: 'receipt';
    })
  | (Typing & {
      type: 'typing';
    })
  | (Pong & {
      type: 'pong';
    })
  | (Entries & {
      type: 'entries';
    })
  | (ErrorFrame & {
      type: 'error';
    })
  | (Bye & {
      type: 'bye';
    });
/**
 * What is no good of a `hello`.
 */
export type UnauthorizedReason = 'session_unknown' | 'identity_expired' | 'identity_refused';

/**
 * The command is stored, and will not be lost.
 */
export interface Ack {
  /**
   * When it was stored.
   */
  at: number;
  /**
   * The conversation it went into.
   */
  conversation: string;
  /**
   * The command.
   */
  id: string;
  /**
   * Its place there.
   */
  seq?: number;
}
/**
 * An agent, as customers see him.
 */
export interface Agent {
  /**
   * His picture.
   */
  avatar?: string;
  /**
   * His name.
   */
  name: string;
}
/**
 * One answer to a question.
 */
export interface Button {
  /**
   * What people read.
   */
  label: string;
  /**
   * What a `choice` says.
   */
  value: string;
}
/**
 * The socket closes after this.
 */
export interface Bye {
  /**
   * Why.
   */
  reason: string;
  /**
   * Come back after so long.
   */
  reconnect_after_ms?: number;
}
/**
 * Answers a question.
 */
export interface Choice {
  /**
   * The command's id.
   */
  id: string;
  /**
   * The question's `seq`.
   */
  of: number;
  /**
   * The answer.
   */
  value:
    | string
    | {
        [k: string]: string;
      };
}
/**
 * The first frame.
 */
export interface Hello {
  /**
   * The conversation that `last_seq` is of; both or neither.
   */
  conversation?: string;
  /**
   * A JWT that says who the customer is.
   */
  identity?: string;
  /**
   * Everything up to it was seen.
   */
  last_seq?: number;
  /**
   * The customer's language (BCP 47).
   */
  locale?: string;
  page?: Page;
  /**
   * The token of a session to go on with.
   */
  session?: string;
}
/**
 * The page the customer is on.
 */
export interface Page {
  /**
   * Where the customer came from.
   */
  referrer?: string;
  /**
   * Its title.
   */
  title?: string;
  /**
   * Its address.
   */
  url?: string;
}
/**
 * Opens a conversation.
 */
export interface Start {
  /**
   * The form filled in before: `name`, `email` and what else the tenant asks.
   */
  answers?: {
    [k: string]: string;
  };
  /**
   * The command's id.
   */
  id: string;
  /**
   * The queue; `default` where none is named.
   */
  queue?: string;
  /**
   * What it is about.
   */
  subject?: string;
}
/**
 * Says something.
 */
export interface Message {
  /**
   * Files sent before.
   */
  files?: string[];
  /**
   * The command's id.
   */
  id: string;
  /**
   * The entry it answers.
   */
  reply_to?: number;
  /**
   * The words.
   */
  text?: string;
}
/**
 * Says otherwise what was said.
 */
export interface Edit {
  /**
   * The command's id.
   */
  id: string;
  /**
   * The id of the customer's own message.
   */
  target: string;
  /**
   * The words as they are to be.
   */
  text: string;
}
/**
 * Says what the customer thinks of the conversation that has ended.
 */
export interface Rate {
  /**
   * In words.
   */
  comment?: string;
  /**
   * The command's id.
   */
  id: string;
  /**
   * From 1 to 5.
   */
  score: number;
}
/**
 * A page; of its address only origin and path are kept.
 */
export interface Page1 {
  /**
   * Where the customer came from.
   */
  referrer?: string;
  /**
   * Its title.
   */
  title?: string;
  /**
   * Its address.
   */
  url?: string;
}
/**
 * Asks for earlier entries.
 */
export interface History {
  /**
   * Only entries before this one.
   */
  before?: number;
  /**
   * Of which conversation; of the open or last one where none is named.
   */
  conversation?: string;
  /**
   * Comes back as `for`.
   */
  id: string;
  /**
   * At most so many, and never more than 100.
   */
  limit?: number;
}
/**
 * The conversation in hand.
 */
export interface ConversationInfo {
  agent?: Agent1;
  /**
   * Its id.
   */
  id: string;
  /**
   * Its queue.
   */
  queue: string;
  /**
   * Its last entry.
   */
  seq: number;
  /**
   * Where it stands.
   */
  state: 'waiting' | 'active' | 'closed';
}
/**
 * Who serves it.
 */
export interface Agent1 {
  /**
   * His picture.
   */
  avatar?: string;
  /**
   * His name.
   */
  name: string;
}
/**
 * Several entries.
 */
export interface Entries {
  /**
   * Of which conversation.
   */
  conversation: string;
  /**
   * In the order of their `seq`.
   */
  entries: Entry[];
  /**
   * The `history` it answers; without it, the rest of the welcome.
   */
  for?: string;
  /**
   * There are more.
   */
  more: boolean;
}
/**
 * A durable line of the conversation.
 */
export interface Entry {
  /**
   * When.
   */
  at: number;
  /**
   * What a question may be answered by, with a `choice`.
   */
  buttons?: Button[];
  /**
   * Its conversation.
   */
  conversation: string;
  /**
   * Files.
   */
  files?: File[];
  /**
   * A form to be filled in and sent as a `choice`.
   */
  form?: Field[];
  from: From;
  /**
   * The command's id, of the customer's own.
   */
  id?: string;
  /**
   * What.
   */
  kind: 'message' | 'edit' | 'retract' | 'choice' | 'joined' | 'left' | 'closed';
  /**
   * The entry it answers.
   */
  reply_to?: number;
  /**
   * Its place there, from 1 without gaps.
   */
  seq: number;
  /**
   * The `seq` of the message that is edited or retracted.
   */
  target?: number;
  /**
   * The words.
   */
  text?: string;
}
/**
 * A file.
 */
export interface File {
  /**
   * Its id.
   */
  id: string;
  /**
   * Its name.
   */
  name: string;
  /**
   * Its size, in bytes.
   */
  size: number;
  /**
   * Its media type.
   */
  type: string;
  /**
   * Where it is.
   */
  url: string;
}
/**
 * A field of a form.
 */
export interface Field {
  /**
   * What people read.
   */
  label: string;
  /**
   * By which a `choice` names it.
   */
  name: string;
}
/**
 * Who.
 */
export interface From {
  /**
   * The picture.
   */
  avatar?: string;
  /**
   * Which side.
   */
  kind: 'customer' | 'agent' | 'bot' | 'system';
  /**
   * The name.
   */
  name?: string;
}
/**
 * Something was refused.
 */
export interface ErrorFrame {
  /**
   * Why, for programs.
   */
  code:
    | 'bad_frame'
    | 'unknown_type'
    | 'too_large'
    | 'rate_limited'
    | 'unauthorized'
    | 'forbidden'
    | 'unknown_tenant'
    | 'unknown_queue'
    | 'not_open'
    | 'conflict'
    | 'unavailable';
  /**
   * The id it is about.
   */
  for?: string;
  /**
   * Why, for people.
   */
  message: string;
  /**
   * Of `unauthorized`: what is no good.
   */
  reason?: 'session_unknown' | 'identity_expired' | 'identity_refused';
  /**
   * Worth another try after so long.
   */
  retry_after_ms?: number;
}
/**
 * Who made an entry.
 */
export interface From1 {
  /**
   * The picture.
   */
  avatar?: string;
  /**
   * Which side.
   */
  kind: 'customer' | 'agent' | 'bot' | 'system';
  /**
   * The name.
   */
  name?: string;
}
/**
 * What this gateway takes.
 */
export interface Limits {
  /**
   * The largest file, in bytes; 0 where none is taken.
   */
  file_bytes: number;
  /**
   * The longest frame, in bytes.
   */
  frame_bytes: number;
  /**
   * The most durable commands a second.
   */
  messages_per_second: number;
  /**
   * The longest text, in Unicode scalars.
   */
  text_chars: number;
}
/**
 * Answers `ping`.
 */
export interface Pong {
  /**
   * What the `ping` had.
   */
  n?: number;
}
/**
 * How far the agent's client has confirmed: every message of the customer up to there.
 */
export interface Receipt {
  /**
   * Which conversation.
   */
  conversation: string;
  /**
   * Received.
   */
  delivered?: number;
  /**
   * Shown.
   */
  read?: number;
}
/**
 * Answers `hello`.
 */
export interface Welcome {
  conversation?: ConversationInfo1;
  /**
   * The entries after `last_seq`; at most 100, the rest follows in `entries` frames.
   */
  entries: Entry[];
  limits: Limits1;
  /**
   * More follow.
   */
  more?: boolean;
  /**
   * The gateway's clock.
   */
  now: number;
  receipt?: Receipt1;
  session: SessionInfo;
}
/**
 * The conversation in hand, where there is one.
 */
export interface ConversationInfo1 {
  agent?: Agent1;
  /**
   * Its id.
   */
  id: string;
  /**
   * Its queue.
   */
  queue: string;
  /**
   * Its last entry.
   */
  seq: number;
  /**
   * Where it stands.
   */
  state: 'waiting' | 'active' | 'closed';
}
/**
 * What this gateway takes.
 */
export interface Limits1 {
  /**
   * The largest file, in bytes; 0 where none is taken.
   */
  file_bytes: number;
  /**
   * The longest frame, in bytes.
   */
  frame_bytes: number;
  /**
   * The most durable commands a second.
   */
  messages_per_second: number;
  /**
   * The longest text, in Unicode scalars.
   */
  text_chars: number;
}
/**
 * How far the agent's client has confirmed.
 */
export interface Receipt1 {
  /**
   * Which conversation.
   */
  conversation: string;
  /**
   * Received.
   */
  delivered?: number;
  /**
   * Shown.
   */
  read?: number;
}
/**
 * The session to come back with.
 */
export interface SessionInfo {
  /**
   * The customer's id.
   */
  customer: string;
  /**
   * When the token ends.
   */
  expires: number;
  /**
   * The token to come back with; secret.
   */
  token: string;
}
/**
 * Where the conversation stands.
 */
export interface State {
  agent?: Agent2;
  /**
   * Which conversation.
   */
  conversation: string;
  /**
   * The wait, estimated, in seconds.
   */
  eta_s?: number;
  /**
   * The place in line, from 1.
   */
  position?: number;
  /**
   * Why it ended: `customer`, `agent`, `idle`, `operator` or `full`.
   */
  reason?: string;
  /**
   * Where it stands.
   */
  state: 'waiting' | 'active' | 'closed';
}
/**
 * Who serves.
 */
export interface Agent2 {
  /**
   * His picture.
   */
  avatar?: string;
  /**
   * His name.
   */
  name: string;
}
/**
 * The agent types, or stopped.
 */
export interface Typing {
  /**
   * The agent's name.
   */
  name: string;
  /**
   * Which.
   */
  on: boolean;
}
/**
 * A session.
 */
export interface SessionInfo1 {
  /**
   * The customer's id.
   */
  customer: string;
  /**
   * When the token ends.
   */
  expires: number;
  /**
   * The token to come back with; secret.
   */
  token: string;
}
