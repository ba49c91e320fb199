/**
 * Frees the memory of bytes that were copied on, at once. It lies outside of V8's heap: left to the garbage collector, 64 MiB of
 * it pile up in each thread before the whole heap is marked for it, which takes longer than hashing them.
 * @param bytes - nobody else's; they are empty afterwards. Part of a larger buffer is left alone.
 */
export function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0);
}
