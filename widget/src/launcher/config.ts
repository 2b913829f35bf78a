// The tenant's public configuration, and the answer to "why was I refused?".
//
// A browser's script cannot see the status of a refused upgrade, so this request stands in for
// it: 404 and 403 are a clear no, everything else is a reason to try again later.

import type { Field } from '../wire';

export interface Config {
  name?: string;
  color?: string | null;
  locale?: string | null;
  /** The line in the empty log, in place of our own. */
  welcome?: string;
  queues?: { key: string; name: string }[];
  /** Whether anyone is in, and where nobody is, when someone will be. */
  online?: boolean;
  opens_at?: number;
  /** Asked before the chat; and where nobody is in, if that is something else. */
  form?: Field[];
  away_form?: Field[];
  /** Whether the customer is asked how it was; yes where nothing is said. */
  rating?: boolean;
  limits?: { text_chars?: number; file_bytes?: number };
  /** Media types of files that are taken, as `image/png` or `image/*`; all where nothing is said. */
  file_types?: string[];
}

export type Answer = { is: 'ok'; config: Config } | { is: 'refused'; status: number } | { is: 'unreachable' };

const PATIENCE_MS = 10_000;

export async function fetchConfig(gateway: string, tenant: string): Promise<Answer> {
  try {
    const response = await fetch(`${gateway}/v1/${encodeURIComponent(tenant)}/config`, {
      credentials: 'omit',
      // Where a browser has none, the button waits for nothing either.
      signal: AbortSignal.timeout?.(PATIENCE_MS),
    });
    if (response.ok) return { is: 'ok', config: await response.json() };
    const refused = response.status === 404 || response.status === 403;
    return refused ? { is: 'refused', status: response.status } : { is: 'unreachable' };
  } catch {
    return { is: 'unreachable' };
  }
}
