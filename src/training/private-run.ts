import { heldOutRows, namesUnits, type Column, type Piece, type PrivacyTerms } from '../catalog/manifest.js';
import { WeighbridgeError } from '../kernel/index.js';
import {
  addLoss,
  epsilonOf,
  epsilonOfLoss,
  lossOf,
  noiseFor,
  privateRunRdp,
  type Loss,
  type PrivateRelease,
} from '../privacy/index.js';
import type { DeclaredMetric, PrivateRun } from './declaration/privacy.js';
import type { ModelDeclaration } from './model-declaration.js';
import { doesNotFit, modelRejected } from './model-errors.js';
import { isStandardised, standardised } from './moments.js';

const DEFAULT_CLIPPING_NORM = 1;
/** A loss beyond this says that a row was hopeless, and no more. */
const DEFAULT_LOSS_BOUND = 4;
const MICROS = 1_000_000;

/** What a run is held against: public, all of it. */
interface Facts {
  rowCount: number;
  columns: readonly Pick<Column, 'name' | 'type'>[];
  pieces: readonly Pick<Piece, 'holdout' | 'rowCount'>[];
}

/** What a run loses of the rows' privacy. */
export function lossOfRun(run: PrivateRun): Loss {
  return lossOf(privateRunRdp(run));
}

/**
 * Whether the numbers of a private declaration are those of its run: rate and steps of the batch and the epochs, epsilon not below
 * what they cost. The trainer looks at the first again; the last is what the seller is paid for and the ledger takes.
 * @throws WeighbridgeError MODEL_REJECTED, MODEL_DOES_NOT_FIT
 */
export function checkPrivacy(declaration: ModelDeclaration, manifest: Facts): void {
  const { privacy, precision } = declaration;
  checkMoments(declaration);
  if (privacy === 'none') return;
  const { samplingRate, steps } = samplingOf(declaration, manifest.rowCount);
  if (privacy.samplingRate !== samplingRate || privacy.steps !== steps) {
    throw modelRejected(
      `${manifest.rowCount} rows are ${steps} steps at a sampling rate of ${samplingRate}, the declaration says otherwise`,
    );
  }
  if (precision !== 'float32') throw modelRejected('a private run computes in float32');
  const { unit } = privacy;
  if (unit.kind === 'column' && !namesUnits(manifest.columns, unit.column)) {
    throw doesNotFit(
      `there is no column "${unit.column}" whose values name units`,
      'Name a column of text or numbers.',
    );
  }
  if (privacy.metric !== undefined) checkMetric(declaration, privacy.metric, manifest);
  const cost = epsilonOf(privateRunRdp(privacy), privacy.delta);
  if (cost > privacy.epsilon) {
    throw modelRejected(`the run costs epsilon ${cost}, the declaration says ${privacy.epsilon}`);
  }
}

/** Nothing is fitted on private rows for nothing, and nobody pays for a fit that is not used. @throws WeighbridgeError MODEL_REJECTED, MODEL_DOES_NOT_FIT */
function checkMoments(declaration: ModelDeclaration): void {
  const { privacy } = declaration;
  const paid = privacy !== 'none' && privacy.moments !== undefined;
  if (isStandardised(declaration) === paid) return;
  if (paid) throw modelRejected('the run pays for a mean and a deviation of columns, and standardises none');
  throw doesNotFit(
    'mean and deviation of private rows are fitted with noise, or not at all',
    'Train with an epsilon and an epsilon to standardise by, or give constants: {"kind":"scale","column":...,"min":...,"max":...}.',
  );
}

/** Whether there are rows to measure with, and whether the label has right answers. @throws WeighbridgeError MODEL_REJECTED, MODEL_DOES_NOT_FIT */
function checkMetric({ label }: ModelDeclaration, { name, bound }: DeclaredMetric, { pieces }: Facts): void {
  if (heldOutRows(pieces) === 0) {
    throw doesNotFit(
      'the seller holds no rows out: there is nothing to measure with',
      'Leave the metric out, or train on a dataset that has such rows.',
    );
  }
  if (name !== 'accuracy') return;
  if (label.kind === 'numbers') {
    throw doesNotFit('no answer to a label of numbers is right or wrong', 'Buy the loss instead.');
  }
  if (bound !== 1) throw modelRejected(`a row counts as 1 at most in an accuracy, the declaration says ${bound}`);
}

/**
 * Whether the seller's terms take the run.
 * @throws WeighbridgeError PRIVACY_REFUSED
 */
export function checkPrivacyTerms({ privacy }: Pick<ModelDeclaration, 'privacy'>, terms: PrivacyTerms): void {
  const { budget, trainingWithoutPrivacy } = terms;
  if (privacy === 'none') {
    if (trainingWithoutPrivacy === true) return;
    throw refused('the terms allow no training without privacy', 'Train with an epsilon.');
  }
  if (budget === undefined)
    throw refused('the terms sell no privacy budget', 'Train without an epsilon, or on other data.');
  if (privacy.delta !== budget.delta) {
    throw refused(`the terms count at a delta of ${budget.delta}`, `Declare delta ${budget.delta}.`);
  }
  const { unitColumn } = budget;
  if (unitColumn !== undefined && !(privacy.unit.kind === 'column' && privacy.unit.column === unitColumn)) {
    throw refused(`the terms protect all rows of one "${unitColumn}" together`, 'Leave the privacy unit to the terms.');
  }
  if (privacy.epsilon > budget.maxEpsilonPerJob) {
    throw refused(
      `a run may take epsilon ${budget.maxEpsilonPerJob}, this one takes ${privacy.epsilon}`,
      'Take more noise: fewer epochs, or a smaller epsilon.',
    );
  }
}

/** What a buyer says of a private run; the rest follows from it, the batch and the terms. */
export interface WantedPrivacy {
  epsilon: number;
  clippingNorm?: number | undefined;
  /** The column whose values are protected whole; default: what the terms say, or each row. */
  unitColumn?: string | undefined;
  /** Rows of one value that a step takes. */
  unitRows?: number | undefined;
  /** Bought beside the weights, for an epsilon of its own. */
  metric?: { name: DeclaredMetric['name']; epsilon: number; bound?: number | undefined } | undefined;
  /** What mean and deviation of columns may cost by themselves: those that are `standardise`, or else all that are `scale`. */
  standardiseEpsilon?: number | undefined;
}

const DEFAULT_UNIT_ROWS = 8;

function unitOf({ unitColumn, unitRows }: WantedPrivacy, { budget }: PrivacyTerms): PrivateRun['unit'] {
  const column = unitColumn ?? budget?.unitColumn;
  return column === undefined ? { kind: 'row' } : { kind: 'column', column, maxRows: unitRows ?? DEFAULT_UNIT_ROWS };
}

/** Adds the noise that a wanted epsilon takes. @throws WeighbridgeError PRIVACY_REFUSED, BAD_INPUT */
export function withPrivacy(
  declaration: ModelDeclaration,
  rowCount: number,
  terms: PrivacyTerms,
  wanted: WantedPrivacy,
): ModelDeclaration {
  const delta = terms.budget?.delta;
  if (delta === undefined) throw refused('the terms sell no privacy budget', 'Leave --epsilon out, or use other data.');
  const sampling = samplingOf(declaration, rowCount);
  const noiseMultiplier = noiseFor({ epsilon: wanted.epsilon, delta, ...sampling });
  const clippingNorm = wanted.clippingNorm ?? DEFAULT_CLIPPING_NORM;
  const { metric, standardiseEpsilon } = wanted;
  const run = {
    ...{ delta, noiseMultiplier, clippingNorm, ...sampling, unit: unitOf(wanted, terms) },
    ...(metric === undefined ? {} : { metric: metricFor(metric, delta) }),
    ...(standardiseEpsilon === undefined
      ? {}
      : { moments: { noiseMultiplier: singleNoise(standardiseEpsilon, delta) } }),
  };
  const alone = metric === undefined && standardiseEpsilon === undefined;
  const privacy = { epsilon: alone ? wanted.epsilon : epsilonOfRun(run), ...run };
  const fitted = standardiseEpsilon === undefined ? declaration : standardised(declaration);
  return { ...fitted, precision: 'float32', privacy };
}

function metricFor({ name, epsilon, bound }: NonNullable<WantedPrivacy['metric']>, delta: number): DeclaredMetric {
  const most = name === 'accuracy' ? 1 : (bound ?? DEFAULT_LOSS_BOUND);
  return { name, bound: most, noiseMultiplier: singleNoise(epsilon, delta) };
}

/** The least noise with which a metric, or moments, cost at most `epsilon` by themselves. @throws WeighbridgeError BAD_INPUT */
export function singleNoise(epsilon: number, delta: number): number {
  return noiseFor({ epsilon, delta, samplingRate: 1, steps: 1 });
}

/** What training, metric and moments cost together, in whole millionths as orders pay: less than each alone would, added up. */
export function epsilonOfRun({ delta, ...release }: PrivateRelease & { delta: number }): number {
  return Math.ceil(epsilonOf(privateRunRdp(release), delta) * MICROS) / MICROS;
}

/** How often and how many times a unit may be drawn: what batch and epochs decide of a private run. */
export function samplingOf(
  { batchRows, epochs }: Pick<ModelDeclaration, 'batchRows' | 'epochs'>,
  rowCount: number,
): { samplingRate: number; steps: number } {
  const rows = Math.min(batchRows, rowCount);
  return { samplingRate: rows / rowCount, steps: epochs * Math.ceil(rowCount / rows) };
}

/**
 * Whether every shard has as much left as the run takes: what `reservePrivacy` will say after the payment.
 * @param taken - of each shard, spent and reserved
 * @throws WeighbridgeError BUDGET_EXHAUSTED
 */
export function checkBudgetLeft(
  { privacy }: Pick<ModelDeclaration, 'privacy'>,
  { budget }: PrivacyTerms,
  taken: readonly Loss[],
): void {
  if (privacy === 'none' || budget === undefined) return;
  const loss = lossOfRun(privacy);
  const worst = taken.find((one) => epsilonOfLoss(addLoss(one, loss), budget.delta) > budget.epsilon);
  if (worst === undefined) return;
  const spent = epsilonOfLoss(worst, budget.delta);
  throw new WeighbridgeError(
    'BUDGET_EXHAUSTED',
    `the rows have ${budget.epsilon} epsilon for everybody, ${spent.toFixed(3)} of it is taken: the run does not fit any more`,
    {
      next: 'Nothing was paid. Take a run with a smaller epsilon, or wait for a version with new rows.',
      details: { budgetEpsilon: budget.epsilon, delta: budget.delta, takenEpsilon: spent },
    },
  );
}

function refused(message: string, next: string): WeighbridgeError {
  return new WeighbridgeError('PRIVACY_REFUSED', message, { next });
}
