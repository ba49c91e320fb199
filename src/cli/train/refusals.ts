import type { RefusalReason } from '../../provenance/index.js';

/** What a refusal means to a buyer, and what to do before the next try. */
interface Refusal {
  means: string;
  next: string;
}

/** The Python client says the same (scripts/client-data.mjs). */
export const REFUSALS: Readonly<Record<RefusalReason, Refusal>> = {
  'key-denied': {
    means: 'the key nodes refused the data key',
    next: 'They release it to a recorded run whose licence holds: if yours does, show the job to the operator.',
  },
  'key-nodes-down': {
    means: 'too few key nodes answered until the deadline',
    next: 'Try again later, with a later deadline.',
  },
  'data-unavailable': {
    means: 'the stored data could not be fetched',
    next: 'Try again later: whoever stores them may be back.',
  },
  'data-corrupt': {
    means: 'the stored data were not what the seller listed',
    next: 'No change of yours helps: tell the seller, or train on other data.',
  },
  'model-rejected': {
    means: 'the trainer does not take this model',
    next: '"weighbridge model check" says what is not taken.',
  },
  'rows-mix': {
    means: 'the rows of a batch see one another in this model',
    next: 'Use GroupNorm or LayerNorm instead of what looks at the whole batch.',
  },
  'model-too-large': {
    means: 'the model, or the rows with it, asks for more than a job may use to compile and run it',
    next: 'Use a smaller model (fewer nodes, fewer or smaller layers), or fewer columns.',
  },
  'data-does-not-fit': {
    means: 'the rows do not fit the model',
    next: 'Leave out columns that may lack values, and a label that may have other classes than declared.',
  },
  'out-of-memory': {
    means: 'the run needed more memory than a job may use',
    next: 'Use a smaller model, narrower features, or fewer rows at once (microBatchRows).',
  },
  'out-of-time': {
    means: 'the run took longer than a job may take',
    next: 'Train fewer epochs or a smaller model.',
  },
  'trainer-failed': {
    means: 'the trainer failed',
    next: 'Try again; if it fails again, show the job to the operator.',
  },
  'gate-refused': {
    means: 'what came out of training was not what the model declares',
    next: 'Train with a lower learning rate if weights may have run off to infinity; else show the job to the operator.',
  },
  'licence-revoked': {
    means: 'the seller revoked the licence',
    next: 'Ask the seller why, or train on other data.',
  },
  'dataset-revoked': {
    means: 'the seller revoked the dataset',
    next: 'Train on a newer version of it, or on other data.',
  },
  'deadline-passed': {
    means: 'the deadline passed',
    next: 'Give the run more time: --deadline-minutes, or deadline_minutes in Python.',
  },
  cancelled: {
    means: 'you cancelled it',
    next: 'Begin it again if you want it after all.',
  },
};
