// One socket to the gateway, kept alive for as long as it is wanted.
//
// It knows connections, not conversations: it sends hello, passes every frame on, and after a loss
// reconnects with full jitter (a random wait below a doubling bound), never sooner than the gateway
// asked. Invariants: at most one live WebSocket; nothing but hello is sent before `welcome`; after
// `want(false)` no timer is running.

import { type ClientFrame, encode, type Hello, parse, type ServerFrame, SUBPROTOCOL } from './wire';

export type Link = 'idle' | 'connecting' | 'online' | 'retrying' | 'refused';

export interface SocketPort {
  url: string;
  /** Called for every connection: another tab may have stored a newer session token. */
  hello(): Hello;
  onFrame(frame: ServerFrame): void;
  onLink(link: Link): void;
  /** The gateway closed the connection because a frame was too large. */
  onTooLarge(): void;
  /** After an upgrade that never opened: whether the gateway definitely refuses us. */
  isRefused(): Promise<boolean>;
}

export interface Socket {
  want(wanted: boolean): void;
  /** Returns false when there is no connection to send on; the caller keeps durable commands. */
  send(frame: ClientFrame): boolean;
  /** Reconnects, so that a new hello is sent. */
  restart(): void;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
const RATE_WAIT_MS = 10_000;
const WELCOME_WITHIN_MS = 15_000;
const PING_EVERY_MS = 30_000;
const ANSWER_WITHIN_MS = 10_000;
/** After a connection that lived this long, the backoff starts over. */
const SETTLED_AFTER_MS = 2_000;

const CLOSE_TOO_LARGE = 1009;
const CLOSE_IDENTITY_REFUSED = 4401;
const CLOSE_RATE = 4429;

/** The wait before attempt number `attempt` (from 0): full jitter above the gateway's minimum. */
export function backoff(attempt: number, floor = 0, random = Math.random): number {
  return floor + random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
}

export function createSocket(port: SocketPort): Socket {
  let wanted = false;
  let link: Link = 'idle';
  let ws: WebSocket | undefined;
  let attempt = 0;
  let floor = 0;
  let retryTimer: Timer;
  let deadline: Timer;
  let pingTimer: Timer;
  let settleTimer: Timer;

  function setLink(next: Link): void {
    if (link === next) return;
    link = next;
    port.onLink(next);
  }

  function connect(): void {
    clearTimeout(retryTimer);
    retryTimer = undefined;
    // While attempts keep failing the link stays `retrying`, so that the display does not flicker.
    if (link !== 'retrying') setLink('connecting');
    const mine = new WebSocket(port.url, SUBPROTOCOL);
    let opened = false;
    ws = mine;
    floor = 0;
    expectWithin(WELCOME_WITHIN_MS);
    mine.onopen = () => {
      opened = true;
      mine.send(encode(port.hello()));
    };
    mine.onmessage = (event) => {
      if (ws !== mine) return;
      const frame = parse(event.data);
      if (!frame) return;
      // The welcome's entries tell what is stored already: only then is it known what to send.
      port.onFrame(frame);
      if (ws === mine) received(frame);
    };
    mine.onclose = (event) => {
      if (ws === mine) void closed(event.code, opened);
    };
  }

  function received(frame: ServerFrame): void {
    if (frame.type === 'welcome') {
      settleTimer = setTimeout(() => {
        attempt = 0;
      }, SETTLED_AFTER_MS);
      setLink('online');
    }
    if (frame.type === 'bye') floor = frame.reconnect_after_ms ?? 0;
    if (link === 'online') {
      // Any frame proves the connection alive, so the next ping is due only after some silence.
      clearTimeout(deadline);
      clearTimeout(pingTimer);
      pingTimer = setTimeout(ping, PING_EVERY_MS);
    } else if (frame.type === 'error') {
      floor = frame.retry_after_ms ?? floor;
    }
  }

  function ping(): void {
    send({ type: 'ping' });
    expectWithin(ANSWER_WITHIN_MS);
  }

  /** Drops the connection unless a frame arrives in time. */
  function expectWithin(ms: number): void {
    clearTimeout(deadline);
    deadline = setTimeout(() => {
      drop();
      retry();
    }, ms);
  }

  async function closed(code: number, opened: boolean): Promise<void> {
    drop();
    if (code === CLOSE_TOO_LARGE) port.onTooLarge();
    if (code === CLOSE_IDENTITY_REFUSED) return setLink('refused');
    if (code === CLOSE_RATE) floor = Math.max(floor, RATE_WAIT_MS);
    setLink('retrying');
    if (!opened && (await port.isRefused())) {
      if (link === 'retrying' && !ws) setLink('refused');
      return;
    }
    retry();
  }

  function retry(): void {
    if (!wanted || ws || retryTimer !== undefined) return;
    setLink('retrying');
    retryTimer = setTimeout(connect, backoff(attempt, floor));
    attempt += 1;
  }

  /** Drops the socket at once; its late events are ignored. */
  function drop(): void {
    for (const timer of [deadline, pingTimer, settleTimer, retryTimer]) clearTimeout(timer);
    retryTimer = undefined;
    const old = ws;
    ws = undefined;
    old?.close();
  }

  /**
   * The network or the page may be back: reconnect now, or check whether the connection still
   * works.
   */
  function wake(): void {
    if (document.visibilityState === 'hidden' || !wanted) return;
    if (link === 'online') ping();
    else if (link === 'idle' || (retryTimer !== undefined && floor === 0)) connect();
  }

  /** The browser is offline: what is sent on this connection now may hang for a long time. */
  function goOffline(): void {
    if (!ws) return;
    drop();
    retry();
  }

  /** A page with an open socket is not kept in the back/forward cache. */
  function sleep(): void {
    drop();
    setLink('idle');
  }

  const listeners: [EventTarget, string, () => void][] = [
    [window, 'online', wake],
    [window, 'offline', goOffline],
    [window, 'pageshow', wake],
    [window, 'pagehide', sleep],
    [document, 'visibilitychange', wake],
    [document, 'resume', wake],
  ];

  function send(frame: ClientFrame): boolean {
    if (link !== 'online' || ws?.readyState !== WebSocket.OPEN) return false;
    ws.send(encode(frame));
    return true;
  }

  return {
    send,
    want(now) {
      if (wanted === now) return;
      wanted = now;
      for (const [target, name, listener] of listeners) {
        if (now) target.addEventListener(name, listener);
        else target.removeEventListener(name, listener);
      }
      if (now) {
        attempt = 0;
        connect();
      } else {
        sleep();
      }
    },
    restart() {
      if (!wanted) return;
      drop();
      attempt = 0;
      connect();
    },
  };
}

type Timer = ReturnType<typeof setTimeout> | undefined;
