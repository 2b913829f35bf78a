export const languages: string[];
export function labels(): Promise<Record<string, string>>;
