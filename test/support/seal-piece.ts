import { concatBytes, type Bytes32 } from '../../src/kernel/index.js';
import { paddedBytes, pieceSealer, TAG_BYTES, type ShardKey } from '../../src/storage/index.js';
import { PieceHasher } from '../../web3/filecoin/commp.js';

export interface PieceFields {
  datasetId: Bytes32;
  shardId: Bytes32;
  frameBytes: number;
}

/** A whole piece in memory, made by the product's own sealer. @param layout - for its index, if it is to have one */
export function sealPiece(shardKey: ShardKey, fields: PieceFields, data: Uint8Array, layout?: Uint8Array): Uint8Array {
  const header = { ...fields, nonceBase: shardKey.nonceBase, plaintextBytes: paddedBytes(data.length) };
  const sealer = pieceSealer(shardKey, header, data.length, layout);
  const frames = Array.from({ length: sealer.frames }, (_, index) => {
    const { from, length } = sealer.dataOf(index);
    const sealed = new Uint8Array(fields.frameBytes + TAG_BYTES);
    return sealed.subarray(0, sealer.seal(index, data.subarray(from, from + length), sealed));
  });
  const roots: Uint8Array[] = [];
  new PieceHasher((root) => roots.push(Uint8Array.from(root))).write(concatBytes(sealer.head, ...frames));
  return concatBytes(sealer.head, ...frames, sealer.sealIndex(concatBytes(...roots.slice(0, sealer.roots))));
}

/** A stream of bytes in steps of any size. */
export async function* inSteps(bytes: Uint8Array, step = bytes.length || 1): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}
