import { toHex, WeighbridgeError, type Bytes32, type Deployed, type Hex, type Network } from '../../kernel/index.js';
import type { AnchorableCheckpoint } from '../ports.js';
import { consistencyProof } from '../tiles/proofs.js';
import { VerifiedTree, type TileFetcher } from '../tiles/tree.js';
import { formatNote, parseNote, type NoteSignature } from '../verify/note.js';
import { anchorDigest, findChainSignature } from '../witness/chain-signature.js';
import { nodeHasher } from './node-hasher.js';
import type { Cosigner, SignedCheckpoint, WitnessGuard } from './ports.js';
import { WitnessClient, witnessesMissing, type Question } from './witness-client.js';

export interface WitnessCosignerOptions {
  origin: string;
  anchor: Deployed;
  witnesses: Network['witnesses'];
  /** Told of a witness that has seen another history than this log's. */
  onConflict(witness: string, detail: string): void;
}

/** What one witness adds to a checkpoint. */
interface Vote {
  cosignature: NoteSignature;
  /** For LogAnchor, with the address it counts under; undefined for a witness that signs for readers alone. */
  chain: { address: string; signature: Hex } | undefined;
}

/**
 * Asks all witnesses at once and is done with the first quorum: a slow one, or one that is down, delays nobody. With no
 * witnesses configured (a log for tests and load tools) the log's own signature is all there is.
 */
export class WitnessCosigner implements Cosigner, WitnessGuard {
  readonly #clients: WitnessClient[];

  constructor(private readonly options: WitnessCosignerOptions) {
    this.#clients = options.witnesses.members.map((member) => new WitnessClient(member));
  }

  async cosign(checkpoint: SignedCheckpoint, tile: TileFetcher): Promise<AnchorableCheckpoint> {
    const question = questionOf(checkpoint, tile);
    const { origin, anchor } = this.options;
    const digest = anchorDigest(anchor, { origin, ...checkpoint });
    const votes = await this.#quorum(async (client) => this.#vote(client, question, digest));
    const { size, root, note } = checkpoint;
    const { text, signatures } = parseNote(note);
    return {
      size,
      root: toHex(root),
      note: formatNote({ text, signatures: [...signatures, ...votes.map((vote) => vote.cosignature)] }),
      signatures: signaturesFor(votes, this.options.witnesses.quorum),
    };
  }

  async assertNoneAhead(head: SignedCheckpoint, tile: TileFetcher): Promise<void> {
    const question = questionOf(head, tile);
    const answers = await Promise.allSettled(this.#clients.map(async (client) => client.ask(question)));
    const why: string[] = [];
    for (const [i, answer] of answers.entries()) {
      const name = this.#clients[i]?.name ?? '';
      if (answer.status === 'rejected') why.push(`${name}: ${reasonOf(answer.reason)}`);
      else if (answer.value.kind === 'conflict') throw behindWitness(name, answer.value.detail, head.size);
    }
    // Whatever a quorum cosigned, one of so many has seen.
    const need = this.#clients.length === 0 ? 0 : this.#clients.length - this.options.witnesses.quorum + 1;
    if (answers.length - why.length < need) throw witnessesMissing(answers.length - why.length, need, why);
  }

  /** @throws WeighbridgeError WITNESSES_MISSING (retryable) once all have answered and too few agreed */
  async #quorum(vote: (client: WitnessClient) => Promise<Vote>): Promise<Vote[]> {
    const { quorum } = this.options.witnesses;
    const votes: Vote[] = [];
    const why: string[] = [];
    // Witnesses that have no address count for readers; the contract needs a quorum of those that have one.
    const enough = (): boolean =>
      votes.length >= quorum && (quorum === 0 || votes.filter(({ chain }) => chain).length >= quorum);
    if (enough()) return votes;
    return new Promise((resolve, reject) => {
      let open = this.#clients.length;
      const settle = async (client: WitnessClient): Promise<void> => {
        try {
          votes.push(await vote(client));
          if (enough()) resolve([...votes]);
        } catch (error) {
          why.push(`${client.name}: ${reasonOf(error)}`);
        }
        open--;
        if (open === 0) reject(witnessesMissing(votes.length, quorum, why));
      };
      for (const client of this.#clients) void settle(client);
    });
  }

  async #vote(client: WitnessClient, question: Question, digest: Bytes32): Promise<Vote> {
    const answer = await client.ask(question);
    if (answer.kind === 'conflict') {
      this.options.onConflict(client.name, answer.detail);
      throw new Error(answer.detail);
    }
    const { address } = client.member;
    if (address === undefined) return { cosignature: answer.cosignature, chain: undefined };
    const signature = await findChainSignature(answer.signatures, { name: client.name, address }, digest);
    if (signature === undefined) throw new Error('it did not sign for LogAnchor; is the contract in its list of logs?');
    return { cosignature: answer.cosignature, chain: { address: address.toLowerCase(), signature } };
  }
}

/** Proofs are made once a size: witnesses that stand at the same place share them. */
export function questionOf({ size, root, note }: SignedCheckpoint, tile: TileFetcher): Question {
  const proofs = new Map<number, Promise<Uint8Array[]>>();
  const tree = VerifiedTree.open(tile, { size, root }, nodeHasher);
  tree.catch(() => undefined);
  return {
    size,
    note,
    text: parseNote(note).text,
    async proofFrom(oldSize) {
      const proof = proofs.get(oldSize) ?? tree.then(async (whole) => consistencyProof(whole, oldSize));
      proofs.set(oldSize, proof);
      return proof;
    },
  };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  // fetch says "fetch failed", and its cause why.
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

function behindWitness(witness: string, detail: string, size: number): WeighbridgeError {
  const message = `the log would sign a fork: the database has ${size} entries, and of the witness ${witness}, ${detail}`;
  return new WeighbridgeError('LOG_BEHIND_WITNESS', message, {
    next:
      'Restore the newest copy of the log’s database (a replica or a later backup) and start again. If none is left, this log ' +
      'is over: start another under a new origin. Only if GET <witness>/checkpoint/<SHA-256 of the origin> shows nothing ' +
      'that this log signed is the witness wrong: then take it out of network.json.',
    details: { witness, logSize: size },
  });
}

/** As many as LogAnchor asks for, by ascending address: each one more costs whoever anchors. */
function signaturesFor(votes: readonly Vote[], quorum: number): Hex[] {
  const chains = votes.flatMap(({ chain }) => (chain === undefined ? [] : [chain]));
  return chains
    .slice(0, quorum)
    .toSorted((a, b) => (a.address < b.address ? -1 : 1))
    .map(({ signature }) => signature);
}
