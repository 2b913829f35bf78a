// What the parts of the chat share: the state, the only way to change it, and what connects it to
// the gateway, to other pages, and to a customer who is looking elsewhere.

import type { Attention } from '../attention';
import type { Socket } from '../socket';
import type { Action } from '../state/reduce';
import type { State } from '../state/state';
import type { Store } from '../store';

export interface Core {
  state(): State;
  dispatch(action: Action): void;
  socket: Socket;
  store: Store;
  attention: Attention;
}

export type Timer = ReturnType<typeof setTimeout> | undefined;
