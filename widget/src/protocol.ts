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
       * Whether they are typing.
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
       * Returned in the `pong`.
       */
      n?: number;
      type: 'ping';
    };
/**
 * The kind of an entry.
 */
export type EntryKind = 'message' | 'edit' | 'retract' | 'choice' | 'joined' | 'left' | 'closed';
/**
 * Why a frame or command was refused.
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
 * The state of a conversation.
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
 * What is invalid in a `hello`.
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
   * The conversation it belongs to.
   */
  conversation: string;
  /**
   * The command.
   */
  id: string;
  /**
   * The `seq` of its entry, if it made one.
   */
  seq?: number;
}
/**
 * An agent, as customers see them.
 */
export interface Agent {
  /**
   * Their picture.
   */
  avatar?: string;
  /**
   * Their name.
   */
  name: string;
}
/**
 * One answer to a question.
 */
export interface Button {
  /**
   * The label that people read.
   */
  label: string;
  /**
   * The value to send in a `choice`.
   */
  value: string;
}
/**
 * The socket closes after this.
 */
export interface Bye {
  /**
   * The reason.
   */
  reason: string;
  /**
   * Reconnect after this time, in milliseconds.
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
   * The conversation that `last_seq` belongs to; both or neither.
   */
  conversation?: string;
  /**
   * A JWT that says who the customer is.
   */
  identity?: string;
  /**
   * The last entry that the client has.
   */
  last_seq?: number;
  /**
   * The customer's language (BCP 47).
   */
  locale?: string;
  page?: Page;
  /**
   * The token of the session to resume.
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
   * The form before the conversation: `name`, `email` and what else the tenant asks for.
   */
  answers?: {
    [k: string]: string;
  };
  /**
   * The command's id.
   */
  id: string;
  /**
   * The queue; `default` if absent.
   */
  queue?: string;
  /**
   * What it is about.
   */
  subject?: string;
}
/**
 * Sends a message.
 */
export interface Message {
  /**
   * The ids of files uploaded earlier.
   */
  files?: string[];
  /**
   * The command's id.
   */
  id: string;
  /**
   * The `seq` of the entry it replies to.
   */
  reply_to?: number;
  /**
   * The text.
   */
  text?: string;
}
/**
 * Corrects a message.
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
   * The new text.
   */
  text: string;
}
/**
 * Rates the conversation that has ended.
 */
export interface Rate {
  /**
   * A comment.
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
   * The conversation; the open or last one if absent.
   */
  conversation?: string;
  /**
   * Returned as `for`.
   */
  id: string;
  /**
   * At most this many, and never more than 100.
   */
  limit?: number;
}
/**
 * The current conversation.
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
   * Its state.
   */
  state: 'waiting' | 'active' | 'closed';
}
/**
 * The agent who has it.
 */
export interface Agent1 {
  /**
   * Their picture.
   */
  avatar?: string;
  /**
   * Their name.
   */
  name: string;
}
/**
 * Several entries.
 */
export interface Entries {
  /**
   * The conversation.
   */
  conversation: string;
  /**
   * In the order of their `seq`.
   */
  entries: Entry[];
  /**
   * The `history` that it responds to; if absent, the rest of the welcome.
   */
  for?: string;
  /**
   * Whether there are more.
   */
  more: boolean;
}
/**
 * A durable entry of the conversation.
 */
export interface Entry {
  /**
   * When it was made.
   */
  at: number;
  /**
   * The answers to choose from, with a `choice`.
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
   * The id of the command that made it; only in the customer's own entries.
   */
  id?: string;
  /**
   * Its kind.
   */
  kind: 'message' | 'edit' | 'retract' | 'choice' | 'joined' | 'left' | 'closed';
  /**
   * The `seq` of the entry it replies to.
   */
  reply_to?: number;
  /**
   * Its number in the conversation, from 1 without gaps.
   */
  seq: number;
  /**
   * The `seq` of the message that is edited or retracted.
   */
  target?: number;
  /**
   * The text.
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
   * Its address.
   */
  url: string;
}
/**
 * A field of a form.
 */
export interface Field {
  /**
   * The label that people read.
   */
  label: string;
  /**
   * Its name in a `choice`.
   */
  name: string;
}
/**
 * Its author.
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
 * A frame or command was refused.
 */
export interface ErrorFrame {
  /**
   * The reason, for programs.
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
   * The id of the command it refers to.
   */
  for?: string;
  /**
   * The reason, for people.
   */
  message: string;
  /**
   * With `unauthorized`: what is invalid.
   */
  reason?: 'session_unknown' | 'identity_expired' | 'identity_refused';
  /**
   * Try again after this time, in milliseconds.
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
 * The limits of this gateway.
 */
export interface Limits {
  /**
   * The largest file, in bytes; 0 if files are not accepted.
   */
  file_bytes: number;
  /**
   * The longest frame, in bytes.
   */
  frame_bytes: number;
  /**
   * The most durable commands per second.
   */
  messages_per_second: number;
  /**
   * The longest text, in Unicode scalars.
   */
  text_chars: number;
}
/**
 * The response to `ping`.
 */
export interface Pong {
  /**
   * The number of the `ping`.
   */
  n?: number;
}
/**
 * How far the agent's client has confirmed the customer's messages: all up to there.
 */
export interface Receipt {
  /**
   * Which conversation.
   */
  conversation: string;
  /**
   * Received up to here.
   */
  delivered?: number;
  /**
   * Shown up to here.
   */
  read?: number;
}
/**
 * The response to `hello`.
 */
export interface Welcome {
  conversation?: ConversationInfo1;
  /**
   * The entries after `last_seq`; at most 100, the rest follows in `entries` frames.
   */
  entries: Entry[];
  limits: Limits1;
  /**
   * Whether more follow.
   */
  more?: boolean;
  /**
   * The gateway's time.
   */
  now: number;
  receipt?: Receipt1;
  session: SessionInfo;
}
/**
 * The current conversation, if there is one.
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
   * Its state.
   */
  state: 'waiting' | 'active' | 'closed';
}
/**
 * The limits of this gateway.
 */
export interface Limits1 {
  /**
   * The largest file, in bytes; 0 if files are not accepted.
   */
  file_bytes: number;
  /**
   * The longest frame, in bytes.
   */
  frame_bytes: number;
  /**
   * The most durable commands per second.
   */
  messages_per_second: number;
  /**
   * The longest text, in Unicode scalars.
   */
  text_chars: number;
}
/**
 * How far the agent's client has confirmed the customer's messages.
 */
export interface Receipt1 {
  /**
   * Which conversation.
   */
  conversation: string;
  /**
   * Received up to here.
   */
  delivered?: number;
  /**
   * Shown up to here.
   */
  read?: number;
}
/**
 * The session to resume after a reconnect.
 */
export interface SessionInfo {
  /**
   * The customer's id.
   */
  customer: string;
  /**
   * When the token expires.
   */
  expires: number;
  /**
   * The token to resume the session with; secret.
   */
  token: string;
}
/**
 * The state of the conversation.
 */
export interface State {
  agent?: Agent2;
  /**
   * Which conversation.
   */
  conversation: string;
  /**
   * The estimated wait, in seconds.
   */
  eta_s?: number;
  /**
   * The position in the queue, from 1.
   */
  position?: number;
  /**
   * Why it ended: `customer`, `agent`, `idle`, `operator` or `full`.
   */
  reason?: string;
  /**
   * Its state.
   */
  state: 'waiting' | 'active' | 'closed';
}
/**
 * The agent who has the conversation.
 */
export interface Agent2 {
  /**
   * Their picture.
   */
  avatar?: string;
  /**
   * Their name.
   */
  name: string;
}
/**
 * The agent is typing, or stopped.
 */
export interface Typing {
  /**
   * The agent's name.
   */
  name: string;
  /**
   * Whether they are typing.
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
   * When the token expires.
   */
  expires: number;
  /**
   * The token to resume the session with; secret.
   */
  token: string;
}
