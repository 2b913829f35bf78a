/** The text of each file in src/protocol/, by its name. */
export function protocol(): Promise<Record<string, string>>;
