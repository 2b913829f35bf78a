// What the embedding page configured: the script's own address and its `data-*` attributes.
//
// Read once, while the script runs, because `document.currentScript` is gone afterwards.

export type Theme = 'auto' | 'light' | 'dark';

export interface Settings {
  /** The gateway: the folder the script was loaded from, without a `/` at the end. */
  gateway: string;
  tenant: string;
  queue?: string;
  locale?: string;
  theme: Theme;
  position: 'right' | 'left';
  color?: string;
  open: boolean;
  nonce?: string;
  /** Nothing is stored and no socket is opened before `Couplet.consent()`. */
  consentRequired: boolean;
}

export function readSettings(script: HTMLScriptElement | null): Settings | undefined {
  const data = script?.dataset;
  if (!script?.src || !data?.tenant) return undefined;
  return {
    gateway: new URL('.', script.src).href.slice(0, -1),
    tenant: data.tenant,
    queue: data.queue || undefined,
    locale: data.locale || undefined,
    theme: theme(data.theme),
    position: data.position === 'left' ? 'left' : 'right',
    color: data.color || undefined,
    open: data.open !== undefined && data.open !== 'false',
    // Browsers hide the nonce attribute from scripts but keep the property.
    nonce: data.nonce || script.nonce || undefined,
    consentRequired: data.consent === 'required',
  };
}

export function theme(value: string | undefined): Theme {
  return value === 'light' || value === 'dark' ? value : 'auto';
}
