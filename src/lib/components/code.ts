/** Whether a text is to be set as code: a line that opens a function, or one that ends like a statement or a call. */
export const looksLikeCode = (text: string): boolean => /^\s*(def|void|int|char|function|import|return)\b.*[({]|[;{}]\s*$/m.test(text);
