// The types of `window.Couplet`, for pages written in TypeScript. Copy this file, or refer to it:
//
//     /// <reference path="./couplet.d.ts" />

export interface Start {
  queue?: string | null;
  subject?: string | null;
  answers?: object | null;
}

/** Values are converted to strings; those that are `null` or `undefined` are left out. */
export interface Customer {
  name?: unknown;
  email?: unknown;
  phone?: unknown;
  [attribute: string]: unknown;
}

export interface Events {
  ready: undefined;
  open: undefined;
  close: undefined;
  /** A conversation has begun, or one that was still open is resumed. */
  start: { conversation: string };
  /** A message from either side; emitted once per message. */
  message: {
    conversation: string;
    seq: number;
    at: number;
    from: { kind: 'customer' | 'agent' | 'bot' | 'system'; name?: string; avatar?: string };
    text?: string;
    files?: { id: string; name: string; type?: string; size?: number; url?: string }[];
  };
  unread: { count: number };
  state: {
    conversation: string;
    state: 'waiting' | 'active' | 'closed';
    position?: number;
    eta_s?: number;
  };
  agent: { conversation: string; name?: string; avatar?: string };
  end: { conversation: string };
  rating: { conversation: string; score: number };
  /** The JWT has expired or was refused: call `identify` with a new one. */
  identity: { expired: boolean };
  error: { code: string; message?: string };
}

export type EventName = keyof Events;

type Details = Exclude<Events[EventName], undefined>;
type Names<D> = D extends unknown ? keyof D : never;
type Value<D, N extends PropertyKey> = D extends { [K in N]?: infer V } ? V : never;
/** The fields that a listener for several events may find. */
export type AnyDetail = { [N in Names<Details>]?: Value<Details, N> };

/** A listener for several events without a type of its own gets the fields of all of them. */
interface Listening {
  <E extends EventName>(event: E, listener: (detail: Events[E]) => void): void;
  (event: EventName, listener: (detail?: AnyDetail) => void): void;
}

export interface Methods {
  open(): void;
  close(): void;
  toggle(): void;
  start(wanted?: Start): void;
  send(text: string | number): void;
  identify(jwt: string): void;
  setCustomer(fields: Customer | object): void;
  setPage(url: string | URL): void;
  setLocale(tag: string): void;
  setTheme(theme: 'auto' | 'light' | 'dark'): void;
  consent(): void;
  shutdown(): void;
  on: Listening;
  off: Listening;
}

/** Callable with a method's name from the start; has its methods once the script has run. */
export interface Couplet extends Methods {
  <E extends EventName>(method: 'on' | 'off', event: E, listener: (detail: Events[E]) => void): void;
  (method: 'on' | 'off', event: EventName, listener: (detail?: AnyDetail) => void): void;
  <M extends Exclude<keyof Methods, 'on' | 'off'>>(method: M, ...args: Parameters<Methods[M]>): void;
  /** Calls made before the script has run, where the page has the stub. */
  q?: ArrayLike<unknown>[];
  readonly version?: string;
}

/** What a page defines as `window.Couplet` until the script has run. */
export type Stub = (this: void, ...call: never[]) => void;

declare global {
  const Couplet: Couplet;

  interface Window {
    get Couplet(): Couplet | undefined;
    set Couplet(value: Couplet | Stub | undefined);
  }
}
