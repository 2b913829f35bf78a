// What outlives a page load: the session and the commands that are not yet acknowledged.
//
// Keyed by tenant, one key per unsent command, because several tabs write here and must not
// overwrite each other. Where the browser refuses storage, or consent has not been given, the same
// calls work in memory. Nothing here throws.

import { cut } from './fit';
import { outPrefix, prefix as prefixOf, sessionKey as sessionKeyOf, tabKey } from './keys';
import type { Outgoing, StoredSession } from './state/state';
import { type Command, encode, TEXT_CHARS } from './wire';

const DURABLE: string[] = [
  'message',
  'edit',
  'retract',
  'react',
  'choice',
  'rate',
  'start',
  'end',
] satisfies Command['type'][];

/** The customer's choices, and what one tab has already announced. */
export interface Preferences {
  muted?: boolean;
  notify?: boolean;
  heard?: string;
}

/** What is half done in this tab: it follows to the next page, but not to other tabs. */
export interface Tab {
  open?: boolean;
  draft?: string;
  /** Answers to the form before the chat. */
  answers?: Record<string, string>;
}

export interface Store {
  session(): StoredSession | undefined;
  saveSession(session: StoredSession): void;
  outbox(): Outgoing[];
  preferences(): Preferences;
  savePreferences(more: Preferences): void;
  putOut(out: Outgoing): void;
  dropOut(id: string): void;
  tab(): Tab;
  saveTab(more: Tab): void;
  /** From now on writes to disk, and moves there what was held in memory. */
  persist(): void;
  /** Removes everything and stops writing. */
  clear(): void;
  /** Like `clear`, but another tab has cleared already and a new session may exist since. */
  leave(): void;
  /**
   * Calls back with the session that another tab wrote; this tab may have overwritten it on disk
   * since.
   */
  watch(changed: (session: StoredSession) => void): () => void;
}

export function createStore(tenant: string, persistent: boolean): Store {
  const prefix = prefixOf(tenant);
  const sessionKey = sessionKeyOf(tenant);
  const preferencesKey = `${prefix}preferences`;
  const outKeys = outPrefix(tenant);
  const memory = new Map<string, string>();
  let disk = persistent ? open('localStorage') : undefined;
  let tabDisk = persistent ? open('sessionStorage') : undefined;
  let isOver = false;
  /** The customer whose session this is. */
  let own: string | undefined;

  function read<T>(key: string): T | undefined {
    return parsed(memory.get(key) ?? attempt(() => disk?.getItem(key)));
  }

  function write(key: string, value: unknown): void {
    if (isOver) return;
    const text = encode(value);
    try {
      if (!disk) throw new Error('no disk');
      disk.setItem(key, text);
      memory.delete(key);
    } catch {
      memory.set(key, text);
    }
  }

  function remove(key: string): void {
    memory.delete(key);
    // A key that cannot be removed could not have been written either.
    attempt(() => disk?.removeItem(key));
  }

  const removeTab = () => attempt(() => tabDisk?.removeItem(tabKey(tenant)));

  function keys(): string[] {
    const found = new Set(memory.keys());
    for (const key of disk ? Object.keys(disk) : []) found.add(key);
    return [...found].filter((key) => key.startsWith(prefix));
  }

  return {
    session: () => read(sessionKey),
    saveSession(session) {
      own = session.customer;
      write(sessionKey, session);
    },
    preferences: () => read(preferencesKey) ?? {},
    savePreferences: (more) => write(preferencesKey, { ...read<Preferences>(preferencesKey), ...more }),
    outbox() {
      const outs: Outgoing[] = [];
      for (const key of keys().filter((key) => key.startsWith(outKeys))) {
        const out = read<Outgoing>(key);
        if (out && isOutgoing(out) && outKeys + out.frame.id === key) outs.push(out);
        else remove(key);
      }
      return outs.sort((a, b) => a.at - b.at || (a.frame.id < b.frame.id ? -1 : 1));
    },
    putOut: (out) => write(outKeys + out.frame.id, out),
    dropOut: (id) => remove(outKeys + id),
    tab: () => parsed<Tab>(attempt(() => tabDisk?.getItem(tabKey(tenant)))) ?? {},
    saveTab(more) {
      if (isOver) return;
      const { open, draft, answers = {} } = { ...this.tab(), ...more };
      const hasAnswers = Object.keys(answers).length > 0;
      const tab: Tab = {
        open,
        draft: draft ? cut(draft, 2 * TEXT_CHARS) : undefined,
        answers: hasAnswers ? answers : undefined,
      };
      const isEmpty = open === undefined && !draft && !hasAnswers;
      if (isEmpty) removeTab();
      else attempt(() => tabDisk?.setItem(tabKey(tenant), encode(tab)));
    },
    persist() {
      disk ??= open('localStorage');
      tabDisk ??= open('sessionStorage');
      for (const [key, text] of [...memory]) write(key, JSON.parse(text));
    },
    clear() {
      isOver = true;
      for (const key of keys()) remove(key);
      removeTab();
    },
    leave() {
      const { customer } = this.session() ?? {};
      if (customer === undefined || customer === own) return this.clear();
      isOver = true;
      removeTab();
    },
    watch(changed) {
      const listener = (event: StorageEvent) => {
        const session = event.key === sessionKey && parsed<StoredSession>(event.newValue);
        if (session) changed(session);
      };
      window.addEventListener('storage', listener);
      return () => window.removeEventListener('storage', listener);
    },
  };
}

/** Whether a stored value has what a command needs. */
function isOutgoing({ frame, at }: Partial<Outgoing>): boolean {
  return typeof frame?.id === 'string' && DURABLE.includes(frame.type) && Number.isFinite(at);
}

/** Returns undefined for a stored value that someone else has damaged. */
function parsed<T>(text: string | null | undefined): T | undefined {
  return attempt(() => (text ? JSON.parse(text) : undefined));
}

function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}

const open = (name: 'localStorage' | 'sessionStorage') => attempt(() => window[name]);
