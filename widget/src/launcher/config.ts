// The tenant's public configuration; also tells why a connection was refused.
//
// A script cannot see the HTTP status of a refused upgrade, so this request is made instead: 404
// and 403 are a definite refusal, everything else is a reason to retry later.

import type { Field } from '../wire';

/** Whether new conversations are served now, and if not, from when on. */
export interface Hours {
  open?: boolean;
  until?: number;
  next?: number;
}

export interface Config extends Hours {
  name?: string;
  color?: string | null;
  locale?: string | null;
  /** The line in the empty log, in place of our own. */
  welcome?: string;
  queues?: ({ key: string; name: string } & Hours)[];
  /** Whether an agent is online. */
  online?: boolean;
  /** Asked before the chat. */
  form?: Field[];
  limits?: { text_chars?: number; file_bytes?: number };
  /** Accepted media types of files, as `image/png` or `image/*`; all by default. */
  file_types?: string[];
}

export type ConfigResult =
  | { is: 'ok'; config: Config }
  | { is: 'refused'; status: number }
  | { is: 'unreachable' };

const PATIENCE_MS = 10_000;

export async function fetchConfig(gateway: string, tenant: string): Promise<ConfigResult> {
  try {
    const response = await fetch(`${gateway}/v1/${encodeURIComponent(tenant)}/config`, {
      credentials: 'omit',
      // In browsers without it, the request has no time limit.
      signal: AbortSignal.timeout?.(PATIENCE_MS),
    });
    if (response.ok) return { is: 'ok', config: await response.json() };
    const refused = response.status === 404 || response.status === 403;
    return refused ? { is: 'refused', status: response.status } : { is: 'unreachable' };
  } catch {
    return { is: 'unreachable' };
  }
}
