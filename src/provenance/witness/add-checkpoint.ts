import { WeighbridgeError } from '../../kernel/index.js';
import { fromBase64, toBase64 } from '../verify/base64.js';

/** Media type of a witness's answer 409: the size that it has, and a newline. */
export const TLOG_SIZE = 'text/x.tlog.size';
/** C2SP tlog-witness: a client sends no more. A tree of 2^63 entries has proofs of 63. */
const MAX_PROOF_LINES = 63;

/** What a log asks a witness (C2SP tlog-witness, `POST add-checkpoint`). */
export interface AddCheckpoint {
  /** Size of the checkpoint that the witness is taken to have cosigned last; 0 if none. */
  oldSize: number;
  /** RFC 6962 consistency proof from there to the checkpoint. */
  proof: Uint8Array[];
  /** The signed note. */
  note: string;
}

export function formatAddCheckpoint({ oldSize, proof, note }: AddCheckpoint): string {
  return `old ${oldSize}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${note}`;
}

/** Reads a request in its one spelling. @throws WeighbridgeError BAD_INPUT */
export function parseAddCheckpoint(body: string): AddCheckpoint {
  // No line before the checkpoint is empty, so the first blank line ends them.
  const blank = body.indexOf('\n\n');
  const [old, ...lines] = body.slice(0, Math.max(blank, 0)).split('\n');
  const oldSize = parseSize(/^old (.*)$/.exec(old ?? '')?.[1] ?? '');
  if (blank < 0 || oldSize === undefined) throw malformed('it does not begin with "old <size>"');
  if (lines.length > MAX_PROOF_LINES) throw malformed(`more than ${MAX_PROOF_LINES} lines of proof`);
  const proof = lines.map(fromBase64);
  if (proof.some((hash) => hash.length !== 32)) throw malformed('a line of proof that is not 32 bytes');
  return { oldSize, proof, note: body.slice(blank + 2) };
}

/** A decimal without leading zeros; undefined for anything else, and for what no JavaScript number holds exactly. */
export function parseSize(text: string): number | undefined {
  const size = Number(text);
  return /^(0|[1-9]\d{0,15})$/.test(text) && Number.isSafeInteger(size) ? size : undefined;
}

function malformed(detail: string): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', `not an add-checkpoint request: ${detail}`, {
    next: 'Send an old size line, the proof, a blank line and the signed checkpoint, as c2sp.org/tlog-witness says.',
  });
}
