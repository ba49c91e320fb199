import { WeighbridgeError, type LogKeys } from '../../kernel/index.js';
import { fromBase64, toBase64 } from './base64.js';
import { parseNote, parseVerifierKey, verifyNoteSignature } from './note.js';
import type { TreeHead } from './rfc6962.js';

/** C2SP tlog-checkpoint: what the log commits to. */
export interface Checkpoint extends TreeHead {
  origin: string;
}

/** Which log under which keys, and which witnesses of which how many must have cosigned. */
export interface LogTrust {
  log: { origin: string; vkeys: LogKeys };
  witnesses: { quorum: number; vkeys: string[] };
}

/** The text of a checkpoint note; `root` are 32 bytes. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** Reads a checkpoint's text. Extension lines are refused: nothing here would know what they say. @throws BAD_INPUT */
export function parseCheckpoint(text: string): Checkpoint {
  const { extensions, ...checkpoint } = parseAnyCheckpoint(text);
  if (extensions.length > 0) throw malformed();
  return checkpoint;
}

/**
 * Reads any log's checkpoint: after the three lines there may be others, which C2SP leaves to the log.
 * @throws WeighbridgeError BAD_INPUT
 */
export function parseAnyCheckpoint(text: string): Checkpoint & { extensions: string[] } {
  const lines = text.split('\n');
  const end = lines.pop();
  const [origin, size, root, ...extensions] = lines;
  const head = { origin: origin ?? '', size: Number(size), root: fromBase64(root ?? ''), extensions };
  const whole = head.origin !== '' && end === '' && head.root.length === 32 && !extensions.includes('');
  if (!whole || !/^(0|[1-9]\d{0,15})$/.test(size ?? '') || !Number.isSafeInteger(head.size)) throw malformed();
  return head;
}

/**
 * A signed checkpoint that this trust accepts.
 * @param strict - also refuse signature lines of anybody the trust does not know: in a receipt every character must be
 *   vouched for. Off for a checkpoint fresh from a log, whose witnesses may be more than we know (C2SP ignores those).
 * @throws WeighbridgeError BAD_INPUT (form), PROOF_INVALID (origin, signature, quorum; `details.reason` says which)
 */
export function verifyCheckpoint(note: string, trust: LogTrust, strict = false): Checkpoint {
  const { text, signatures } = parseNote(note);
  const checkpoint = parseCheckpoint(text);
  const logKeys = trust.log.vkeys.map(({ vkey }) => parseVerifierKey(vkey));
  const witnessKeys = trust.witnesses.vkeys.map(parseVerifierKey);
  if (checkpoint.origin !== trust.log.origin || logKeys.some(({ name }) => name !== trust.log.origin)) {
    throw untrusted('origin', `the checkpoint is of ${checkpoint.origin}, the trusted log is ${trust.log.origin}`);
  }
  const seen = new Set<string>();
  for (const signature of signatures) {
    const id = idOf(signature);
    const key = [...logKeys, ...witnessKeys].find((known) => idOf(known) === id);
    if (key === undefined && strict) throw untrusted('signer', `a signature line by ${signature.name}, unknown here`);
    if (key === undefined) continue;
    if (seen.has(id)) throw untrusted('signature', `two signatures by ${signature.name}`);
    if (!verifyNoteSignature(text, signature, key))
      throw untrusted('signature', `the signature of ${key.name} is wrong`);
    seen.add(id);
  }
  // A key that was replaced, perhaps because somebody else has it, signs nothing beyond the size at which it was.
  if (!logKeys.some((key, i) => seen.has(idOf(key)) && isKeyOf(trust.log.vkeys, i, checkpoint.size))) {
    throw untrusted('signature', 'the log did not sign it with a key that it had at that size');
  }
  // A set: a witness that a trust file lists twice is still one.
  const cosigners = new Set(witnessKeys.filter((key) => key.type === 'cosignature' && seen.has(idOf(key))).map(idOf))
    .size;
  if (cosigners < trust.witnesses.quorum) {
    throw untrusted('quorum', `${cosigners} witnesses cosigned, ${trust.witnesses.quorum} are needed`);
  }
  return checkpoint;
}

/** Whether the log signed checkpoints of that size with its key `i`. Where one key ends and the next begins, both may. */
function isKeyOf(keys: LogKeys, i: number, size: number): boolean {
  return size >= (keys[i]?.fromSize ?? Infinity) && size <= (keys[i + 1]?.fromSize ?? Infinity);
}

function idOf({ name, keyHash }: { name: string; keyHash: string }): string {
  return `${name}+${keyHash}`;
}

function malformed(): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', 'not a checkpoint of three lines: origin, size, root', {
    next: 'Give the checkpoint as the log served it.',
  });
}

function untrusted(reason: 'origin' | 'signer' | 'signature' | 'quorum', detail: string): WeighbridgeError {
  return new WeighbridgeError('PROOF_INVALID', detail, {
    next: 'Check that the trust file is of this deployment; if it is, do not rely on this checkpoint.',
    details: { reason },
  });
}
