// Under which names things are kept in the page's storage.

export const prefix = (tenant: string) => `couplet:${tenant}:`;
export const sessionKey = (tenant: string) => `${prefix(tenant)}session`;
export const outPrefix = (tenant: string) => `${prefix(tenant)}out:`;
