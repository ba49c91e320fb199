import { existsSync } from 'node:fs';
import type { Hex } from '../../src/kernel/index.js';
import { Fr, publicKeyOf, randomScalar } from './bls.js';
import { readShareFacts, writeShare } from './share-store.js';

export interface Recipient {
  /** Where this node's encrypted share goes. */
  shareFile: string;
  passphrase: string;
}

export interface DealOptions {
  /** How many nodes it takes to release a key. */
  threshold: number;
  /** One a node, in the order of their indexes. Each file holds one share and nothing of the others. */
  recipients: readonly Recipient[];
}

/**
 * Shamir's secret sharing over the BLS12-381 scalar field by a trusted dealer: draws the network key, writes each node
 * its own encrypted share, and forgets the rest. Run it where nobody watches, once for a network; the key itself is
 * written nowhere. If every file is there already it only reads the network's public key; if some are, it refuses,
 * because new shares would not fit the old ones.
 * @returns the network's public key: BLS12-381 G1, compressed
 * @throws Error for a bad threshold, or share files of which some exist
 */
export async function deal({ threshold, recipients }: DealOptions): Promise<Hex> {
  if (threshold < 2 || threshold > recipients.length || recipients.length > 255) {
    throw new RangeError(`a threshold of ${threshold} does not fit ${recipients.length} nodes`);
  }
  const present = recipients.filter(({ shareFile }) => existsSync(shareFile));
  if (present.length === recipients.length) return dealtBefore(recipients, threshold);
  if (present.length > 0) {
    throw new Error(
      `share files exist already: ${present.map((r) => r.shareFile).join(', ')}. Move them away, or deal into an empty folder.`,
    );
  }

  const coefficients = Array.from({ length: threshold }, randomScalar);
  const networkPublicKey = publicKeyOf(Fr.toBytes(evaluate(coefficients, 0n)));
  for (const [i, { shareFile, passphrase }] of recipients.entries()) {
    const index = i + 1;
    const share = Fr.toBytes(evaluate(coefficients, BigInt(index)));
    const facts = { version: 1, index, threshold, networkPublicKey, sharePublicKey: publicKeyOf(share) } as const;
    await writeShare(shareFile, facts, share, passphrase);
    share.fill(0);
  }
  return networkPublicKey;
}

/** Horner's rule; the constant term, at x = 0, is the network's key. */
function evaluate(coefficients: readonly bigint[], x: bigint): bigint {
  return coefficients.reduceRight((sum, coefficient) => Fr.add(Fr.mul(sum, x), coefficient), 0n);
}

async function dealtBefore(recipients: readonly Recipient[], threshold: number): Promise<Hex> {
  const facts = await Promise.all(recipients.map(({ shareFile }) => readShareFacts(shareFile)));
  const [first] = facts;
  const consistent = facts.every(
    (f, i) => f.index === i + 1 && f.threshold === threshold && f.networkPublicKey === first?.networkPublicKey,
  );
  if (first === undefined || !consistent)
    throw new Error('the share files there are not of one network with this threshold');
  return first.networkPublicKey;
}
