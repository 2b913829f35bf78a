// What the parts of the chat share: the state, and the only way to change it.

import type { Action } from '../state/reduce';
import type { State } from '../state/state';

export interface Core {
  state(): State;
  dispatch(action: Action): void;
}

export type Timer = ReturnType<typeof setTimeout> | undefined;
