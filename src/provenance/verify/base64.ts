import { WeighbridgeError } from '../../kernel/index.js';
import { decodeUtf8 } from './canonical.js';

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
  return bytesOf(binaryFromBase64(text));
}

/** The text whose UTF-8 this is. JSON of ours is nearly always ASCII, and then the decoded characters are the text. @throws WeighbridgeError BAD_INPUT */
export function textFromBase64(text: string): string {
  const binary = binaryFromBase64(text);
  return /^[ -~]*$/.test(binary) ? binary : decodeUtf8(bytesOf(binary));
}

/** As `fromBase64`, a character for each byte, as `atob` has it. @throws WeighbridgeError BAD_INPUT */
export function binaryFromBase64(text: string): string {
  const binary = decode(text);
  if (binary === undefined || !isCanonical(binary, text)) {
    throw new WeighbridgeError('BAD_INPUT', 'not canonical base64', {
      next: 'Encode with the standard alphabet, with padding and without line breaks.',
    });
  }
  return binary;
}

/** As `btoa(binary) === text`: all but the last four characters can only be what they are if there are as many. */
function isCanonical(binary: string, text: string): boolean {
  if (text.length !== Math.ceil(binary.length / 3) * 4) return false;
  const whole = binary.length - (binary.length % 3);
  return whole === binary.length || btoa(binary.slice(whole)) === text.slice(-4);
}

function bytesOf(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function decode(text: string): string | undefined {
  try {
    return atob(text);
  } catch {
    return undefined;
  }
}
