import { isWeighbridgeError } from '../../src/kernel/index.js';
import {
  decodeUtf8,
  EMPTY_ROOT,
  formatNote,
  formatSignatureLines,
  parseAddCheckpoint,
  parseAnyCheckpoint,
  parseNote,
  verifyConsistency,
  verifyNoteSignature,
  type Checkpoint,
  type NoteSignature,
  type TreeHead,
  type VerifierKey,
} from '../../src/provenance/witness/index.js';
import type { CheckpointStore } from './checkpoint-store.js';
import type { KnownLog, KnownLogs } from './known-logs.js';
import { refusal, sizeConflict } from './refusal.js';
import type { WitnessSigner } from './witness-signer.js';

export interface AddCheckpointDeps {
  logs: KnownLogs;
  store: CheckpointStore;
  signer: WitnessSigner;
  nowMs(): number;
  /** Told of a checkpoint that the log signed and that was not shown to extend the one before: it may have lied. */
  onSuspicion(evidence: Evidence): void;
}

/** Two signed notes of one log. Of one size and with different roots, they prove a split view. */
export interface Evidence {
  origin: string;
  seen: string;
  shown: string;
}

interface Request {
  log: KnownLog;
  oldSize: number;
  proof: Uint8Array[];
  /** The checkpoint with the signatures of its log, and of nobody else: anyone can add lines. */
  note: string;
  /** What is signed. */
  text: string;
  checkpoint: Checkpoint;
}

/**
 * C2SP tlog-witness, `POST add-checkpoint`: cosigns a checkpoint that extends the one that was cosigned last.
 * @returns signature lines: the cosignature, and for a log with a LogAnchor the one that the contract reads
 * @throws Refusal with the status that the specification gives
 */
export async function addCheckpoint(deps: AddCheckpointDeps, body: Uint8Array): Promise<string> {
  const request = readRequest(deps.logs, body);
  const { log, text, checkpoint, note } = request;
  // Persisted before any signature exists: a crash after this line repeats an answer, it never contradicts one.
  const { timeS } = deps.store.update(log.origin, (latest) => {
    const seen = latest ?? { size: 0, root: EMPTY_ROOT, note: '', timeS: 0 };
    judge(request, seen, () => deps.onSuspicion({ origin: log.origin, seen: seen.note, shown: note }));
    const { size, root } = checkpoint;
    // A clock that was set back must not make a larger tree older than a smaller one.
    return { size, root, note, timeS: Math.max(Math.floor(deps.nowMs() / 1000), seen.timeS) };
  });
  const lines = [deps.signer.cosign(text, timeS)];
  if (log.anchor !== undefined) lines.push(await deps.signer.signForChain(log.anchor, checkpoint));
  return formatSignatureLines(lines);
}

/** What can be said without looking at what was seen before. */
function readRequest(logs: KnownLogs, body: Uint8Array): Request {
  const { oldSize, proof, text, signatures, checkpoint } = parse(body);
  const log = logs.get(checkpoint.origin);
  if (log === undefined) throw refusal(404, 'this witness does not watch a log of that origin');
  const keyOf = ({ name, keyHash }: NoteSignature): VerifierKey | undefined =>
    log.keys.find((key) => key.name === name && key.keyHash === keyHash);
  const own = signatures.filter((signature) => keyOf(signature) !== undefined);
  const holds = (signature: NoteSignature): boolean => {
    const key = keyOf(signature);
    return key !== undefined && verifyNoteSignature(text, signature, key);
  };
  // Signed-note: a wrong signature by a known key spoils the note, even beside a right one.
  if (own.length === 0 || !own.every(holds)) throw refusal(403, 'no signature by a key of that log verifies');
  if (oldSize > checkpoint.size) throw refusal(400, 'the old size is beyond the checkpoint');
  return { log, oldSize, proof, note: formatNote({ text, signatures: own }), text, checkpoint };
}

function parse(body: Uint8Array) {
  try {
    const { note, ...request } = parseAddCheckpoint(decodeUtf8(body));
    const { text, signatures } = parseNote(note);
    return { ...request, text, signatures, checkpoint: parseAnyCheckpoint(text) };
  } catch (error) {
    if (isWeighbridgeError(error)) throw refusal(400, error.message);
    throw error;
  }
}

/** @throws Refusal 409 or 422 */
function judge({ oldSize, proof, checkpoint }: Request, seen: TreeHead, onSuspicion: () => void): void {
  if (oldSize !== seen.size) throw sizeConflict(seen.size);
  if (verifyConsistency({ size: seen.size, root: seen.root }, checkpoint, proof)) return;
  onSuspicion();
  if (checkpoint.size === seen.size && proof.length === 0) throw sizeConflict(seen.size);
  throw refusal(422, 'the proof does not show that this checkpoint extends the one that was cosigned last');
}
