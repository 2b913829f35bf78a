// `window.Couplet`: callable before the script has loaded, and afterwards.
//
// A page may define a stub that collects calls in `q`; they are made, in order, as soon as this
// runs. Invariant: no call from the page throws into the page.

import type { Couplet } from '../../couplet';

export type Method = (...args: never[]) => unknown;

interface Stub {
  q?: ArrayLike<unknown>[];
}

const VERSION = '0.1.0';

/** True when the script is on the page a second time. */
export function isInstalled(): boolean {
  return window.Couplet?.version !== undefined;
}

export function install(methods: Record<string, Method>): void {
  const queued = (window.Couplet as Stub | undefined)?.q ?? [];
  const guarded: Record<string, (...args: unknown[]) => unknown> = Object.create(null);
  for (const [name, method] of Object.entries(methods)) {
    guarded[name] = (...args) => {
      try {
        return method(...(args as never[]));
      } catch (error) {
        console.error(`Couplet.${name}:`, error);
      }
    };
  }
  const call = (name: string, ...args: unknown[]) => {
    const method = guarded[name];
    if (method) return method(...args);
    console.error(`Couplet: no method "${name}"`);
  };
  window.Couplet = Object.assign(call, guarded, { version: VERSION }) as unknown as Couplet;
  for (const args of queued) call(...(Array.from(args ?? []) as [string, ...unknown[]]));
}
