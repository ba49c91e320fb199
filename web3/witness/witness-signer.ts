import { sign } from 'node:crypto';
import type { LocalAccount } from 'viem/accounts';
import { concatBytes, fromHex, utf8, type Address, type Deployed } from '../../src/kernel/index.js';
import {
  anchorDigest,
  chainKeyHash,
  cosignatureMessage,
  formatVerifierKey,
  keyHashOf,
  type Checkpoint,
  type Ed25519Key,
  type NoteSignature,
} from '../../src/provenance/witness/index.js';

/** The two keys of a witness. They sign what `judge` let through, nothing else. */
export interface WitnessSigner {
  readonly name: string;
  readonly vkey: string;
  readonly address: Address;
  /** C2SP cosignature/v1. @param timeS Unix seconds */
  cosign(text: string, timeS: number): NoteSignature;
  /** EIP-712, for LogAnchor. */
  signForChain(anchor: Deployed, checkpoint: Checkpoint): Promise<NoteSignature>;
}

export function witnessSigner(name: string, key: Ed25519Key, account: LocalAccount): WitnessSigner {
  const keyHash = keyHashOf(name, 'cosignature', key.publicKey);
  const { address } = account;
  return {
    name,
    vkey: formatVerifierKey(name, 'cosignature', key.publicKey),
    address,
    cosign(text, timeS) {
      const time = new Uint8Array(8);
      new DataView(time.buffer).setBigUint64(0, BigInt(timeS));
      const message = utf8(cosignatureMessage(text, BigInt(timeS)));
      return { name, keyHash, signature: concatBytes(time, sign(null, message, key.privateKey)) };
    },
    async signForChain(anchor, checkpoint) {
      if (account.sign === undefined) throw new Error('an account that signs no digests');
      const signature = await account.sign({ hash: anchorDigest(anchor, checkpoint) });
      return { name, keyHash: chainKeyHash(name, address), signature: fromHex(signature) };
    },
  };
}
