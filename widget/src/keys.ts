// Under which names things are kept in the page's storage.

export const prefix = (tenant: string) => `couplet:${tenant}:`;
export const sessionKey = (tenant: string) => `${prefix(tenant)}session`;
/** In the storage of the tab alone. */
export const tabKey = (tenant: string) => `${prefix(tenant)}tab`;
export const outPrefix = (tenant: string) => `${prefix(tenant)}out:`;
