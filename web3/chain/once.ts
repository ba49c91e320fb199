import { isWeighbridgeError, WeighbridgeError, type Hex } from '../../src/kernel/index.js';

export interface Step {
  /** Whether the chain's state says that it was done. */
  done(): Promise<boolean>;
  /** The transaction that did it. */
  earlier(): Promise<Hex | undefined>;
  act(): Promise<Hex>;
}

/**
 * Does a step unless it was done. A process that crashed between sending and hearing of it, and one that was
 * overtaken by another, both get the transaction that did it.
 */
export async function once(step: Step): Promise<Hex> {
  const before = await findDone(step);
  if (before !== undefined) return before;
  try {
    return await step.act();
  } catch (error) {
    // Somebody may have done it between our look and our transaction: then the refusal means nothing.
    const meanwhile =
      isWeighbridgeError(error) && error.code === 'CHAIN_UNAVAILABLE' ? undefined : await findDone(step);
    if (meanwhile !== undefined) return meanwhile;
    throw error;
  }
}

async function findDone({ done, earlier }: Step): Promise<Hex | undefined> {
  if (!(await done())) return undefined;
  const hash = await earlier();
  if (hash !== undefined) return hash;
  throw new WeighbridgeError('CHAIN_UNAVAILABLE', 'the chain shows the step as done, but not its transaction', {
    next: 'Ask a node that keeps the event history; the call is safe to repeat.',
    retryable: true,
  });
}
