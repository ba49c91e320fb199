/** What the chain says of one data set of ours. Times are epochs, which are block numbers. */
export interface ProvingState {
  /** Head of the chain. */
  epoch: bigint;
  leafCount: bigint;
  /** Whose randomness draws the leaves to prove; 0 while there is no period. */
  challengeEpoch: bigint;
  /** Last epoch of the running period; 0 while there is none. */
  deadline: bigint;
  /** Epoch at which the first period began; 0 before. */
  activation: bigint;
  provenThisPeriod: boolean;
  periodEpochs: bigint;
  /** The last epochs of a period, in which its proof is taken. */
  windowEpochs: bigint;
  /** Epochs between setting a challenge and drawing it, at least. */
  finalityEpochs: bigint;
}

/** What a provider does next for a data set. */
export type ProvingStep =
  | { kind: 'wait'; untilEpoch: bigint }
  /** Prove the leaves that the challenge epoch has drawn. */
  | { kind: 'prove'; challengeEpoch: bigint }
  /** Begin a period, ending the last one: a fault is recorded there if that was not proven. */
  | { kind: 'begin'; challengeEpoch: bigint; lastDeadline: bigint };

/** Blocks between reading the head and being mined, generously. */
const MINING_EPOCHS = 3n;

/** The rule of the proving loop; pure, so that every case of it is tested. */
export function nextStep(state: ProvingState): ProvingStep {
  const { epoch, leafCount, challengeEpoch, deadline, provenThisPeriod, windowEpochs } = state;
  if (deadline === 0n || challengeEpoch === 0n) {
    if (leafCount === 0n) return { kind: 'wait', untilEpoch: epoch + windowEpochs };
    return { kind: 'begin', challengeEpoch: soonEnough(state, firstChallenge(state)), lastDeadline: deadline };
  }
  if (provenThisPeriod || epoch > deadline) {
    const windowStart = nextDeadline(state) - windowEpochs;
    return { kind: 'begin', challengeEpoch: soonEnough(state, windowStart), lastDeadline: deadline };
  }
  // The randomness of an epoch is there once the epoch has passed, and the proof must be mined by the deadline.
  if (epoch <= challengeEpoch) return { kind: 'wait', untilEpoch: challengeEpoch + 1n };
  return epoch < deadline ? { kind: 'prove', challengeEpoch } : { kind: 'wait', untilEpoch: deadline + 1n };
}

/**
 * Mid-window: the window of a first period moves on with every block until the call is mined. A data set that was empty for a
 * while goes on with the periods it had.
 */
function firstChallenge({ epoch, activation, periodEpochs, windowEpochs }: ProvingState): bigint {
  const deadline =
    activation === 0n
      ? epoch + periodEpochs
      : activation + periodEpochs * ((epoch + MINING_EPOCHS - activation) / periodEpochs + 1n);
  return deadline - windowEpochs / 2n;
}

/** Deadline of the period that a call mined soon would begin. */
function nextDeadline({ epoch, deadline, periodEpochs }: ProvingState): bigint {
  const skipped = epoch <= deadline ? 0n : (epoch - deadline - 1n) / periodEpochs;
  return deadline + periodEpochs * (skipped + 1n);
}

function soonEnough({ epoch, finalityEpochs }: ProvingState, challengeEpoch: bigint): bigint {
  const soonest = epoch + finalityEpochs + MINING_EPOCHS;
  return challengeEpoch > soonest ? challengeEpoch : soonest;
}
