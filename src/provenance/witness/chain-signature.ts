import { sha256 } from '@noble/hashes/sha2.js';
import { keccak256, recoverAddress, stringToBytes } from 'viem';
import {
  checkpointDigest,
  concatBytes,
  fromHex,
  to0x,
  toHex,
  utf8,
  type Address,
  type Bytes32,
  type Deployed,
  type Hex,
} from '../../kernel/index.js';
import type { Checkpoint } from '../verify/checkpoint.js';
import type { NoteSignature } from '../verify/note.js';

/**
 * A witness's second signature, the one that LogAnchor reads, travels as one more signature line of the same answer: of
 * type 0xff, which C2SP signed-note keeps for types without a byte of their own, followed by a name of ours. Whoever does
 * not know the key must ignore the line, so every C2SP client takes the answer as it is.
 */
const TYPE = concatBytes(Uint8Array.of(0xff), utf8('weighbridge.dev/eip712-checkpoint/v1'));
/** r, s and v. */
const SIGNATURE_BYTES = 65;

/** Key id of the line: SHA-256(name || 0x0A || type || 20-byte address)[:4], 8 hex digits. */
export function chainKeyHash(name: string, address: Address): string {
  return toHex(sha256(concatBytes(utf8(`${name}\n`), TYPE, fromHex(address.toLowerCase()))).subarray(0, 4));
}

/** The EIP-712 digest that LogAnchor recomputes: chain, contract and log are inside, so it is worth nothing elsewhere. */
export function anchorDigest(anchor: Deployed, { origin, size, root }: Checkpoint): Bytes32 {
  return checkpointDigest(anchor, { origin: keccak256(stringToBytes(origin)), size: BigInt(size), root: to0x(root) });
}

/**
 * The signature for LogAnchor among these lines, by this witness and over this digest; undefined if there is none.
 * @param digest - `anchorDigest` of the checkpoint
 */
export async function findChainSignature(
  signatures: readonly NoteSignature[],
  witness: { name: string; address: Address },
  digest: Bytes32,
): Promise<Hex | undefined> {
  const keyHash = chainKeyHash(witness.name, witness.address);
  const line = signatures.find((signature) => signature.name === witness.name && signature.keyHash === keyHash);
  if (line?.signature.length !== SIGNATURE_BYTES) return undefined;
  const signature = to0x(line.signature);
  // A signature that recovers to nobody throws.
  const signer = await recoverAddress({ hash: digest, signature }).catch(() => undefined);
  return signer?.toLowerCase() === witness.address.toLowerCase() ? signature : undefined;
}
