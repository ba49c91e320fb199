import { generateKeyPairSync } from 'node:crypto';
import { fromHex } from '../../src/kernel/index.js';
import { noteSigner } from '../../src/provenance/log/signers.js';
import { formatAddCheckpoint } from '../../src/provenance/witness/index.js';
import { MerkleTree } from './merkle-tree.js';

/** A log with a key of its own that signs checkpoints of a tree in memory: what a witness is asked about. */
export class NotingLog {
  readonly tree = new MerkleTree();
  private readonly signer;

  constructor(
    readonly origin = 'log.example/noted',
    pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  ) {
    this.signer = noteSigner(origin, pem);
  }

  get vkey(): string {
    return this.signer.vkey;
  }

  grow(count: number, seed = 'entry'): this {
    for (let i = 0; i < count; i++) this.tree.append(new TextEncoder().encode(`${seed} ${this.tree.size}`));
    return this;
  }

  /** The signed note. */
  note(size = this.tree.size): string {
    return this.signer.sign(size, fromHex(this.tree.root(size)));
  }

  /** An add-checkpoint request with the right proof. */
  ask(oldSize: number, size = this.tree.size): string {
    const proof = this.tree.consistency(Math.min(oldSize, size), size).map(fromHex);
    return formatAddCheckpoint({ oldSize, proof, note: this.note(size) });
  }
}
