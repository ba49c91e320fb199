import { WeighbridgeError } from '../../kernel/index.js';

/** RFC 4648 section 4, with padding. `btoa` and `atob` exist in browsers and in Node alike. */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/**
 * Decodes the one canonical encoding only. `atob` skips white space, does without padding and ignores trailing bits, so two
 * texts could stand for the same bytes, and a changed character would go unseen.
 * @throws WeighbridgeError BAD_INPUT
 */
export function fromBase64(text: string): Uint8Array {
  const bytes = decode(text);
  if (bytes === undefined || !isCanonical(bytes, text)) {
    throw new WeighbridgeError('BAD_INPUT', 'not canonical base64', {
      next: 'Encode with the standard alphabet, with padding and without line breaks.',
    });
  }
  return bytes;
}

/** As `toBase64(bytes) === text`: all but the last four characters can only be what they are if there are as many. */
function isCanonical(bytes: Uint8Array, text: string): boolean {
  if (text.length !== Math.ceil(bytes.length / 3) * 4) return false;
  const whole = bytes.length - (bytes.length % 3);
  return whole === bytes.length || toBase64(bytes.subarray(whole)) === text.slice(-4);
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
