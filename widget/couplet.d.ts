// The types of `window.Couplet`, for pages written in TypeScript. Copy this file, or refer to it:
//
//     /// <reference path="./couplet.d.ts" />

export interface Start {
  queue?: string;
  subject?: string;
  answers?: Record<string, unknown>;
}

export interface Customer {
  name?: string;
  email?: string;
  phone?: string;
  [attribute: string]: unknown;
}

export interface Events {
  ready: undefined;
  open: undefined;
  close: undefined;
  /** A conversation has begun, or one that was open is gone on with. */
  start: { conversation: string };
  /** A message of either side, once. */
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
  /** The JWT has run out, or was refused: call `identify` with a new one. */
  identity: { expired: boolean };
  error: { code: string; message?: string };
}

export type EventName = keyof Events;

export interface Methods {
  open(): void;
  close(): void;
  toggle(): void;
  start(wanted?: Start): void;
  send(text: string): void;
  identify(jwt: string): void;
  setCustomer(fields: Customer): void;
  setPage(url: string): void;
  setLocale(tag: string): void;
  setTheme(theme: 'auto' | 'light' | 'dark'): void;
  consent(): void;
  shutdown(): void;
  on<E extends EventName>(event: E, listener: (detail: Events[E]) => void): void;
  off<E extends EventName>(event: E, listener: (detail: Events[E]) => void): void;
}

/** Callable by name from the start, with its methods once the script has run. */
export interface Couplet extends Partial<Methods> {
  <M extends keyof Methods>(method: M, ...args: Parameters<Methods[M]>): void;
  readonly version?: string;
}

declare global {
  interface Window {
    Couplet?: Couplet;
  }
}
