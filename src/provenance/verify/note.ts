import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, fromHex, toHex, utf8, WeighbridgeError } from '../../kernel/index.js';
import { fromBase64, toBase64 } from './base64.js';

/** C2SP signed-note. Signature types: 0x01 Ed25519 over the text, 0x04 a witness's timestamped cosignature/v1. */
export const NOTE_KEY_TYPES = { ed25519: 0x01, cosignature: 0x04 } as const;
export type NoteKeyType = keyof typeof NOTE_KEY_TYPES;

/** A parsed vkey, `<name>+<hex key hash>+<base64 type and key>`. */
export interface VerifierKey {
  name: string;
  /** First four bytes of SHA-256(name || 0x0A || type || key), 8 hex digits. */
  keyHash: string;
  type: NoteKeyType;
  publicKey: Uint8Array;
}

export interface NoteSignature {
  name: string;
  keyHash: string;
  signature: Uint8Array;
}

export interface Note {
  /** What is signed, its last newline included. */
  text: string;
  signatures: NoteSignature[];
}

/** A line of Unicode without white space, controls or plus signs: the form of key names and origins. */
const NAME = /^[^\s+\p{Cc}\p{Z}]{1,255}$/u;

export function keyHashOf(name: string, type: NoteKeyType, publicKey: Uint8Array): string {
  return toHex(sha256(concatBytes(utf8(`${name}\n`), Uint8Array.of(NOTE_KEY_TYPES[type]), publicKey)).subarray(0, 4));
}

export function formatVerifierKey(name: string, type: NoteKeyType, publicKey: Uint8Array): string {
  const typed = concatBytes(Uint8Array.of(NOTE_KEY_TYPES[type]), publicKey);
  return `${name}+${keyHashOf(name, type, publicKey)}+${toBase64(typed)}`;
}

/** @throws WeighbridgeError BAD_INPUT */
export function parseVerifierKey(vkey: string): VerifierKey {
  const match = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey);
  const [name, keyHash, typed] = [match?.[1] ?? '', match?.[2] ?? '', fromBase64(match?.[3] ?? '')];
  const type = (Object.keys(NOTE_KEY_TYPES) as NoteKeyType[]).find((t) => NOTE_KEY_TYPES[t] === typed[0]);
  const publicKey = typed.slice(1);
  const whole = NAME.test(name) && type !== undefined && publicKey.length === 32;
  if (!whole || keyHashOf(name, type, publicKey) !== keyHash) {
    throw new WeighbridgeError('BAD_INPUT', 'not a verifier key of type Ed25519 or cosignature/v1', {
      next: 'Copy the whole vkey, "name+hash+base64", as its owner publishes it.',
    });
  }
  return { name, keyHash, type, publicKey };
}

/** Reads a signed note strictly. @throws WeighbridgeError BAD_INPUT */
export function parseNote(note: string): Note {
  const split = note.lastIndexOf('\n\n');
  const text = note.slice(0, split + 1);
  // Control characters would let two notes look alike on a screen.
  if (split < 0 || /[^\P{Cc}\n]/u.test(text)) throw malformed('no text and blank line');
  return { text, signatures: parseSignatureLines(note.slice(split + 2)) };
}

/** Signature lines alone, as a witness answers them. @throws WeighbridgeError BAD_INPUT */
export function parseSignatureLines(text: string): NoteSignature[] {
  const lines = text.split('\n');
  if (lines.pop() !== '' || lines.length === 0 || lines.length > 100) throw malformed('no signature lines');
  return lines.map(parseSignatureLine);
}

export function formatNote({ text, signatures }: Note): string {
  return `${text}\n${formatSignatureLines(signatures)}`;
}

export function formatSignatureLines(signatures: readonly NoteSignature[]): string {
  const lines = signatures.map(({ name, keyHash, signature }) => {
    return `— ${name} ${toBase64(concatBytes(fromHex(keyHash), signature))}\n`;
  });
  return lines.join('');
}

/** Whether `signature` is by `key` over the text. Strict Ed25519 (RFC 8032): no second encoding of a signature passes. */
export function verifyNoteSignature(text: string, signature: NoteSignature, key: VerifierKey): boolean {
  if (signature.name !== key.name || signature.keyHash !== key.keyHash) return false;
  const cosigned = key.type === 'cosignature';
  const blob = signature.signature;
  if (blob.length !== (cosigned ? 72 : 64)) return false;
  const message = cosigned ? cosignatureMessage(text, readTime(blob)) : text;
  const bytes = cosigned ? blob.subarray(8) : blob;
  try {
    return ed25519.verify(bytes, utf8(message), key.publicKey, { zip215: false });
  } catch {
    // A public key or point that does not decode.
    return false;
  }
}

/** C2SP tlog-cosignature: what a witness signs. `time` in Unix seconds. */
export function cosignatureMessage(text: string, time: bigint): string {
  return `cosignature/v1\ntime ${time}\n${text}`;
}

function readTime(blob: Uint8Array): bigint {
  return new DataView(blob.buffer, blob.byteOffset, blob.byteLength).getBigUint64(0);
}

function parseSignatureLine(line: string): NoteSignature {
  const match = /^— (\S+) (\S+)$/.exec(line);
  const name = match?.[1] ?? '';
  const blob = fromBase64(match?.[2] ?? '');
  if (!NAME.test(name) || blob.length < 5) throw malformed('a signature line that is not "— name base64"');
  return { name, keyHash: toHex(blob.subarray(0, 4)), signature: blob.subarray(4) };
}

function malformed(detail: string): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', `not a signed note: ${detail}`, {
    next: 'Give the note byte for byte as the log served it.',
  });
}
