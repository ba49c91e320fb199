import { randomBytes } from 'node:crypto';
import { to0x, type Address, type Bytes32 } from '../../src/kernel/index.js';
import type { NewJob } from '../../src/training/job.js';

export const randomBytes32 = (): Bytes32 => to0x(randomBytes(32));
export const randomAddress = (): Address => to0x(randomBytes(20));

/** A job row that hangs together well enough for storage; its signatures and digests are random. */
export function someJob(change: Partial<NewJob> = {}): NewJob {
  const [buyer, seller, operator] = [randomAddress(), randomAddress(), randomAddress()];
  const [keyId, licence, jobDigest] = [randomBytes32(), randomBytes32(), randomBytes32()];
  const deadline = new Date('2030-01-01T00:00:00Z');
  return {
    id: randomBytes32(),
    keyId,
    buyer,
    seller,
    operator,
    order: {
      keyId,
      offer: randomBytes32(),
      buyer,
      operator,
      licence,
      jobDigest,
      epsilonMicros: 0n,
      deadline: BigInt(deadline.getTime() / 1000),
      salt: randomBytes32(),
    },
    offer: {
      datasetId: randomBytes32(),
      version: 1,
      seller,
      price: 5n * 10n ** 18n,
      nodeFee: 10n ** 18n,
      pricePerEpsilon: 0n,
      maxEpsilonMicros: 0n,
      payees: [{ to: seller, amount: 4n * 10n ** 18n }],
      operators: [operator],
      termsDigest: randomBytes32(),
      manifestDigest: randomBytes32(),
      validUntil: 2n ** 63n,
    },
    shares: [
      { to: seller, amount: 4n * 10n ** 18n },
      { to: operator, amount: 10n ** 18n },
    ],
    licenceId: licence,
    jobDigest,
    declaration: {
      version: 1,
      graph: 'a'.repeat(64),
      weights: 'b'.repeat(64),
      trainable: ['w'],
      tied: {},
      inputs: [{ name: 'x', shape: [1], dtype: 'float32' }],
      features: { x: [{ kind: 'scale', column: 'x', min: 0, max: 1 }] },
      label: { kind: 'class', column: 'y', classes: [0, 1] },
      loss: { name: 'cross-entropy' },
      optimiser: { name: 'adam', learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
      schedule: { name: 'constant' },
      epochs: 1,
      batchRows: 32,
      microBatchRows: null,
      seed: 1,
      precision: 'float32',
      return: 'trainable',
      privacy: 'none',
    },
    recipient: 'age1example',
    priceWei: 5n * 10n ** 18n,
    deadline,
    ...change,
  };
}
