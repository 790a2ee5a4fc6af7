/** However a system ends its lines. */
export const LINE_BREAK = /\r\n|\n|\r/;

export const firstLine = (text: string): string => text.split(LINE_BREAK, 1)[0]!;

/** How many lines begin within a text, beside its first. */
export const breaksIn = (text: string): number => text.split(LINE_BREAK).length - 1;
