import { WeighbridgeError } from '../../kernel/index.js';
import { fromBase64, toBase64 } from './base64.js';

const MAGIC = 'c2sp.org/tlog-proof@v1';

/** C2SP tlog-proof: a checkpoint, an index, and the path between them, in one text. */
export interface TlogProof {
  index: number;
  /** From the leaf's sibling up. */
  hashes: Uint8Array[];
  /** The signed note, verbatim. */
  checkpoint: string;
  /** Opaque and authenticated by nothing. */
  extra?: Uint8Array;
}

export function formatTlogProof({ index, hashes, checkpoint, extra }: TlogProof): string {
  const extraLine = extra === undefined ? '' : `extra ${toBase64(extra)}\n`;
  return `${MAGIC}\n${extraLine}index ${index}\n${hashes.map((h) => `${toBase64(h)}\n`).join('')}\n${checkpoint}`;
}

/** Reads a proof in its one spelling. @throws WeighbridgeError BAD_INPUT */
export function parseTlogProof(text: string): TlogProof {
  const blank = text.indexOf('\n\n');
  const lines = text.slice(0, Math.max(blank, 0)).split('\n');
  if (lines.shift() !== MAGIC) throw malformed(`the first line is not ${MAGIC}`);
  const extra = lines[0]?.startsWith('extra ') === true ? fromBase64((lines.shift() ?? '').slice(6)) : undefined;
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? '')?.[1];
  if (index === undefined || !Number.isSafeInteger(Number(index))) throw malformed('no "index <n>" line');
  // A tree of 2^63 entries has paths of 63.
  if (lines.length > 63) throw malformed('more hashes than any tree is high');
  const hashes = lines.map(fromBase64);
  if (hashes.some((hash) => hash.length !== 32)) throw malformed('a hash line that is not 32 bytes');
  const proof = { index: Number(index), hashes, checkpoint: text.slice(blank + 2) };
  return extra === undefined ? proof : { ...proof, extra };
}

function malformed(detail: string): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', `not a tlog-proof: ${detail}`, {
    next: 'Give the proof byte for byte as it was made.',
  });
}
