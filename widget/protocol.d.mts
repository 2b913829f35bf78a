/** The text of src/protocol.ts. */
export function protocol(): Promise<string>;
