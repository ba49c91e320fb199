import { keccak256, stringToBytes, type LocalAccount } from 'viem';
import type { CheckpointArgs, InclusionArgs } from '../../src/access/ports.js';
import { logAnchorDomain, to0x, TYPES, utf8, type Bytes32, type Deployed } from '../../src/kernel/index.js';
import type { RecordType } from '../../src/provenance/statements.js';
import type { LogClient } from '../../src/provenance/index.js';
import { memoryLog } from './memory-log.js';
import { MerkleTree } from './merkle-tree.js';

export const LOG_ORIGIN = 'log.example/test';

/** A log whose checkpoints carry the one signature that LogAnchor asks for. */
export class SignedLog {
  readonly tree = new MerkleTree();
  readonly #entries: Uint8Array[] = [];

  constructor(
    private readonly anchor: Deployed,
    private readonly key: LocalAccount,
  ) {}

  append(type: RecordType, digest: Bytes32): number {
    const entry = utf8(`weighbridge/v1 ${type} ${digest.slice(2)}\n{"payload":"of the test"}`);
    this.#entries.push(entry);
    return this.tree.append(entry);
  }

  /** @param anchor for which LogAnchor it is signed */
  async checkpoint(from: bigint, anchor = this.anchor): Promise<CheckpointArgs> {
    const size = this.tree.size;
    const root = this.tree.root(size);
    const message = { origin: keccak256(stringToBytes(LOG_ORIGIN)), size: BigInt(size), root };
    const signature = await this.key.signTypedData({
      domain: logAnchorDomain(anchor),
      types: TYPES,
      primaryType: 'Checkpoint',
      message,
    });
    return {
      size: BigInt(size),
      root,
      proof: this.tree.consistency(Number(from), size),
      signatures: [signature],
    };
  }

  /** The log as its readers see it. */
  client(): Pick<LogClient, 'checkpoint' | 'tile'> {
    return {
      checkpoint: async () => {
        const { size, root, signatures } = await this.checkpoint(BigInt(this.tree.size));
        return { size: Number(size), root: root.slice(2), note: '', signatures };
      },
      tile: async (path) => memoryLog(this.#entries).tile(path),
    };
  }

  inclusion(index: number): InclusionArgs {
    const size = this.tree.size;
    const entry = this.#entries[index];
    if (entry === undefined) throw new Error(`the log has no entry ${index}`);
    return {
      size: BigInt(size),
      index: BigInt(index),
      proof: this.tree.inclusion(index, size),
      entry: to0x(entry),
    };
  }
}
