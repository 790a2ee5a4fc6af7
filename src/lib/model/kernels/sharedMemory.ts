/** Sections of a WebAssembly module (WebAssembly core specification 2.0, 5.5), and kinds of imports, that this file reads. */
const IMPORT_SECTION = 2;
const MEMORY_SECTION = 5;
const FUNCTION = 0;
const MEMORY = 2;

/** Flags of a memory: it has a most, and threads may share it. */
const HAS_MAXIMUM = 1;
const SHARED = 2;

/**
 * The module, with its one memory, its own or imported, turned into one that threads can share: a single bit. Compilers set it only for
 * builds with threads of their own, but code that knows of no threads runs in a shared memory as in any other.
 * @throws RangeError where there is no memory, or one without a maximum, which can't be shared
 */
export function withSharedMemory(wasm: Uint8Array): Uint8Array<ArrayBuffer> {
	const bytes = Uint8Array.from(wasm);
	const flags = flagsOfMemory(bytes);
	if (bytes[flags] !== HAS_MAXIMUM)
		throw new RangeError(`the memory of a WebAssembly module has flags ${bytes[flags]}; expected ${HAS_MAXIMUM}, a maximum and not shared`);
	bytes[flags] = HAS_MAXIMUM | SHARED;
	return bytes;
}

/** Where the flags of the memory are. */
function flagsOfMemory(bytes: Uint8Array): number {
	for (let at = 8; at < bytes.length;) {
		const id = bytes[at];
		const [size, start] = integer(bytes, at + 1);
		if (id === MEMORY_SECTION) return integer(bytes, start)[1];
		const imported = id === IMPORT_SECTION ? importedMemory(bytes, start) : null;
		if (imported !== null) return imported;
		at = start + size;
	}
	throw new RangeError('a WebAssembly module without a memory; expected one to share');
}

/** Where the flags of the memory among the imports are; null where functions come first to the end. Other kinds are not met in our modules. */
function importedMemory(bytes: Uint8Array, start: number): number | null {
	let [count, at] = integer(bytes, start);
	for (; count > 0; count--) {
		for (let name = 0; name < 2; name++) {
			const [length, text] = integer(bytes, at);
			at = text + length;
		}
		const kind = bytes[at++];
		if (kind === MEMORY) return at;
		if (kind !== FUNCTION) return null;
		at = integer(bytes, at)[1];
	}
	return null;
}

/** An unsigned LEB128 integer, and where it ends. */
function integer(bytes: Uint8Array, at: number): [value: number, end: number] {
	let value = 0;
	for (let shift = 0; ; shift += 7) {
		const byte = bytes[at++];
		if (byte === undefined) throw new RangeError('a WebAssembly module that ends too early');
		value |= (byte & 0x7f) << shift;
		if (byte < 0x80) return [value, at];
	}
}
