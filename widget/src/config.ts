// The tenant's public configuration, and the answer to "why was I refused?".
//
// A browser's script cannot see the status of a refused upgrade, so this request stands in for
// it: 404 and 403 are a clear no, everything else is a reason to try again later.

export interface Config {
  name?: string;
  color?: string | null;
  locale?: string;
  online?: boolean;
  limits?: { text_chars?: number };
}

export type Answer = { is: 'ok'; config: Config } | { is: 'refused'; status: number } | { is: 'unreachable' };

const PATIENCE_MS = 10_000;

export async function fetchConfig(gateway: string, tenant: string): Promise<Answer> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
  try {
    const response = await fetch(`${gateway}/v1/${encodeURIComponent(tenant)}/config`, {
      credentials: 'omit',
      signal: abort.signal,
    });
    if (response.ok) return { is: 'ok', config: await response.json() };
    const refused = response.status === 404 || response.status === 403;
    return refused ? { is: 'refused', status: response.status } : { is: 'unreachable' };
  } catch {
    return { is: 'unreachable' };
  } finally {
    clearTimeout(timer);
  }
}
