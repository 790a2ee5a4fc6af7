/** About how many bytes a value takes in the store: a letter two, a number eight, binary data its length. Numbers in a list are not looked at. */
export function sizeOf(value: unknown): number {
	if (typeof value === 'string') return 2 * value.length;
	if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength;
	if (value instanceof Map) return sizeOf([...value]);
	if (Array.isArray(value))
		return typeof value[0] === 'number' ? 8 * value.length : value.reduce<number>((sum, inner) => sum + sizeOf(inner), 0);
	if (typeof value === 'object' && value !== null) {
		return Object.entries(value).reduce((sum, [key, inner]) => sum + 2 * key.length + sizeOf(inner), 0);
	}
	return 8;
}
