// Whether an earlier page, or another tab, left something that needs the chat: an open
// conversation, unsent messages, an open panel. Only looks and removes; `store.ts` owns the data.

import { outPrefix, prefix, sessionKey, tabKey } from '../keys';

export function isLeftOpen(tenant: string): boolean {
  try {
    return (
      isOpenSession(localStorage.getItem(sessionKey(tenant))) ||
      !!sessionStorage.getItem(tabKey(tenant)) ||
      Object.keys(localStorage).some((key) => key.startsWith(outPrefix(tenant)))
    );
  } catch {
    return false;
  }
}

/** Removes all stored data of a tenant. */
export function forget(tenant: string): void {
  try {
    for (const storage of [localStorage, sessionStorage]) {
      for (const key of Object.keys(storage)) {
        if (key.startsWith(prefix(tenant))) storage.removeItem(key);
      }
    }
  } catch {
    // Where nothing can be read, nothing was stored.
  }
}

/**
 * Calls back when another tab begins a conversation or ends the session; returns a function that
 * stops it.
 */
export function watchOthers(tenant: string, opened: () => void, ended: () => void): () => void {
  const listener = ({ key, newValue }: StorageEvent) => {
    if (key !== sessionKey(tenant)) return;
    if (!newValue) ended();
    else if (isOpenSession(newValue)) opened();
  };
  window.addEventListener('storage', listener);
  return () => window.removeEventListener('storage', listener);
}

function isOpenSession(text: string | null): boolean {
  return !!text?.includes('"open":true');
}
