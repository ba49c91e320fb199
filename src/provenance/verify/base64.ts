import { WeighbridgeError } from '../../kernel/index.js';

/** RFC 4648 section 4, with padding. `btoa` and `atob` exist in browsers and in Node alike. */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  // In slices: a spread of a whole 64 KiB entry overruns the argument limit of some engines.
  for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(binary);
}

/**
 * Decodes the one canonical encoding only. `atob` skips white space and ignores trailing bits, so two texts could stand
 * for the same bytes, and a changed character would go unseen.
 * @throws WeighbridgeError BAD_INPUT
 */
export function fromBase64(text: string): Uint8Array {
  const bytes = decode(text);
  if (bytes === undefined || toBase64(bytes) !== text) {
    throw new WeighbridgeError('BAD_INPUT', 'not canonical base64', {
      next: 'Encode with the standard alphabet, with padding and without line breaks.',
    });
  }
  return bytes;
}

function decode(text: string): Uint8Array | undefined {
  try {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    return bytes;
  } catch {
    return undefined;
  }
}
