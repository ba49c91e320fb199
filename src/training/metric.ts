import { heldOutRows, trainingPieces, type Piece } from '../catalog/manifest.js';
import type { DeclaredMetric, DeclaredPrivacy } from './declaration/privacy.js';

/** As the sandbox answers it: whole numbers with their noise. */
export interface MeasuredMetric {
  /** Sum over the units, each between 0 and `ones`. */
  total: bigint;
  /** `ones` times the units, where their number is secret; 0 where each row is one. */
  units: bigint;
}

/** A metric as its buyer gets it: `metric.json`. All of it follows from noised numbers and public ones. */
export interface BoughtMetric {
  name: DeclaredMetric['name'];
  value: number;
  /** Standard deviation of the noise in `value`. */
  deviation: number;
  /** Rows that were held out. */
  rows: number;
  bound: number;
  noiseMultiplier: number;
}

/** The metric that a run buys. */
export function metricOf(privacy: DeclaredPrivacy): DeclaredMetric | undefined {
  return privacy === 'none' ? undefined : privacy.metric;
}

/** What a run is sent of a dataset: pieces that are held out go to those only that measure with them. */
export function piecesRead<P extends Pick<Piece, 'holdout'>>(pieces: readonly P[], privacy: DeclaredPrivacy): P[] {
  return metricOf(privacy) === undefined ? trainingPieces(pieces) : [...pieces];
}

/** Of the pieces that a run is sent, those that it measures with; undefined if it buys no metric. */
export function heldOutOf(
  pieces: readonly Pick<Piece, 'holdout' | 'rowCount'>[],
  privacy: DeclaredPrivacy,
): { pieces: number; rows: number } | undefined {
  if (metricOf(privacy) === undefined) return undefined;
  return { pieces: pieces.length - trainingPieces(pieces).length, rows: heldOutRows(pieces) };
}

/** As the trainer has it (metric.py): the noise is at least 2^20 whole numbers wide. */
const NOISE_BITS = 20;
/** More deviations than the noise's own words can draw. */
const WIDEST = 10;

function scaleOf(noiseMultiplier: number, countsUnits: boolean): { ones: number; deviation: number } {
  const reach = countsUnits ? Math.SQRT2 : 1;
  const ones = 2 ** Math.max(0, NOISE_BITS - Math.floor(Math.log2(noiseMultiplier * reach)));
  return { ones, deviation: noiseMultiplier * reach * ones };
}

/**
 * The metric in numbers of a person's; undefined if no sum over so many rows with such a noise could be what was measured.
 * @param rows - that were held out
 */
export function boughtMetric(
  { total, units }: MeasuredMetric,
  metric: DeclaredMetric,
  unitKind: 'row' | 'column',
  rows: number,
): BoughtMetric | undefined {
  const { name, bound, noiseMultiplier } = metric;
  const { ones, deviation } = scaleOf(noiseMultiplier, unitKind === 'column');
  const most = BigInt(rows) * BigInt(ones) + BigInt(Math.ceil(WIDEST * deviation));
  const least = -BigInt(Math.ceil(WIDEST * deviation));
  const isPossible = (sum: bigint): boolean => least <= sum && sum <= most;
  if (!isPossible(total) || (unitKind === 'row' ? units !== 0n : !isPossible(units))) return undefined;
  const count = unitKind === 'row' ? rows : Math.max(1, Number(units) / ones);
  const share = Math.min(1, Math.max(0, Number(total) / ones / count));
  // Of a quotient of two noised numbers, to first order.
  const spread = (deviation / ones / count) * (unitKind === 'row' ? 1 : Math.hypot(1, share));
  return { name, value: rounded(bound * share), deviation: rounded(bound * spread), rows, bound, noiseMultiplier };
}

/** Digits beyond these are noise, and none of a person's business. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
