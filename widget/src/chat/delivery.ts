// Sends the commands in the outbox.
//
// Invariants: a command is resent under its own id until it is acknowledged; only one is in flight
// at a time, so that a temporary refusal cannot reorder what the customer wrote; a command that is
// too large for any gateway is refused here, so that it does not block later ones.

import { isTooLarge } from '../fit';
import { TEMPORARY, TOO_LARGE } from '../state/outbox';
import { type ErrorFrame, encode } from '../wire';
import type { Core, Timer } from './core';

export interface Delivery {
  /** Sends the first pending command, unless it is in flight already. */
  sendNext(): void;
  /** The connection is another one: what was in flight may be lost. */
  reconnected(): void;
  /** The gateway closed the connection because the command in flight was too large. */
  tooLarge(): void;
  /** After a temporary refusal, resends the command when the gateway allows it. */
  retryLater(frame: ErrorFrame): void;
  stop(): void;
}

const REPEAT_AFTER_MS = 5_000;
/** The wait after a temporary refusal that names none, and what is added to every such wait. */
const RETRY_AFTER_MS = 2_000;
const JITTER_MS = 500;

export function createDelivery({ state, socket }: Core, receive: (frame: ErrorFrame) => void): Delivery {
  /** The id of the command in flight. */
  let inFlight: string | undefined;
  let timer: Timer;

  function sendNext(): void {
    const next = state().outbox.find((out) => !out.failed)?.frame;
    if (inFlight !== undefined && inFlight === next?.id) return;
    clearTimeout(timer);
    inFlight = undefined;
    if (!next) return;
    if (isTooLarge(encode(next))) return refuse(next.id);
    if (!socket.send(next)) return;
    inFlight = next.id;
    repeatIn(REPEAT_AFTER_MS);
  }

  function repeatIn(ms: number): void {
    clearTimeout(timer);
    timer = setTimeout(() => {
      inFlight = undefined;
      sendNext();
    }, ms);
  }

  function refuse(id: string): void {
    const message = 'The command is larger than a frame may be.';
    receive({ type: 'error', for: id, code: TOO_LARGE, message });
  }

  return {
    sendNext,
    reconnected() {
      inFlight = undefined;
    },
    tooLarge: () => inFlight && refuse(inFlight),
    retryLater({ for: id, code, retry_after_ms = RETRY_AFTER_MS }) {
      if (id === inFlight && TEMPORARY.has(code)) repeatIn(retry_after_ms + Math.random() * JITTER_MS);
    },
    stop: () => clearTimeout(timer),
  };
}
