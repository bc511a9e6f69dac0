// Node's Buffer is a Uint8Array whose `slice` shares memory instead of copying. The core is written for Uint8Array, so
// no Buffer may reach the core.

/** The same bytes, not copied, as a plain Uint8Array. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
