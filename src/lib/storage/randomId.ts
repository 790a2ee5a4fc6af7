/** A name that no other run has. (`crypto.randomUUID` is missing outside a secure context.) */
export const randomId = (): string => Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join('');
