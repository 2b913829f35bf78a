// The names of the keys in the page's storage.

export const prefix = (tenant: string) => `couplet:${tenant}:`;
export const sessionKey = (tenant: string) => `${prefix(tenant)}session`;
/** In the tab's own storage (`sessionStorage`). */
export const tabKey = (tenant: string) => `${prefix(tenant)}tab`;
export const outPrefix = (tenant: string) => `${prefix(tenant)}out:`;
