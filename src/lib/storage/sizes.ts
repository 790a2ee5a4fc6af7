/** About how many bytes a value takes in the store: a letter two, a number eight, binary data its length. */
export function sizeOf(value: unknown): number {
	if (typeof value === 'string') return 2 * value.length;
	if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength;
	if (value instanceof Map) return sizeOf([...value]);
	if (typeof value === 'object' && value !== null) {
		return Object.entries(value).reduce((sum, [key, inner]) => sum + (Array.isArray(value) ? 0 : 2 * key.length) + sizeOf(inner), 0);
	}
	return 8;
}
