// Whether an earlier page, or another tab, left something that the chat must see to: an open
// conversation, or words not yet sent. Looks and forgets; what is stored is the business of
// `store.ts`.

import { outPrefix, prefix, sessionKey } from '../keys';

export function isLeftOpen(tenant: string): boolean {
  try {
    const keys = Object.keys(localStorage);
    return (
      isOpenSession(localStorage.getItem(sessionKey(tenant))) ||
      keys.some((key) => key.startsWith(outPrefix(tenant)))
    );
  } catch {
    return false;
  }
}

/** Removes all that is kept of a tenant. */
export function forget(tenant: string): void {
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(prefix(tenant))) localStorage.removeItem(key);
    }
  } catch {
    // Where nothing can be read nothing was kept.
  }
}

/** Calls back when another tab begins a conversation; returns how to stop. */
export function watchLeftOpen(tenant: string, opened: () => void): () => void {
  const listener = ({ key, newValue }: StorageEvent) => {
    if (key === sessionKey(tenant) && isOpenSession(newValue)) opened();
  };
  window.addEventListener('storage', listener);
  return () => window.removeEventListener('storage', listener);
}

function isOpenSession(text: string | null): boolean {
  return !!text?.includes('"open":true');
}
