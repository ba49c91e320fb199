import type { Feature } from './declaration/features.js';
import type { ModelDeclaration } from './model-declaration.js';
import { doesNotFit } from './model-errors.js';

/** A column whose mean and deviation come from the rows. */
type Standardise = Extract<Feature, { kind: 'standardise' }>;
type Features = ModelDeclaration['features'];

/** A declaration's features with all constants in them, those that were fitted too: what the trained model takes. */
export type FittedFeatures = Record<string, Feature[]>;

const isFitted = (feature: Feature): feature is Standardise => feature.kind === 'standardise';

function fittedOf({ features, inputs }: Pick<ModelDeclaration, 'features' | 'inputs'>): Standardise[] {
  return inputs.flatMap(({ name }) => (features[name] ?? []).filter(isFitted));
}

/** Whether a mean and a deviation of a column come from the rows. */
export function isStandardised({ features }: Pick<ModelDeclaration, 'features'>): boolean {
  return Object.values(features).flat().some(isFitted);
}

/** Standardises what says so; where nothing does, every column that is scaled. */
export function standardised(declaration: ModelDeclaration): ModelDeclaration {
  if (isStandardised(declaration)) return declaration;
  const asked = (feature: Feature): Feature =>
    feature.kind === 'scale' ? { ...feature, kind: 'standardise' } : feature;
  return { ...declaration, features: eachOf(declaration.features, asked) };
}

/** The same model with the ends of its ranges in place of what would be fitted. @throws WeighbridgeError MODEL_DOES_NOT_FIT */
export function scaledInstead(declaration: ModelDeclaration): ModelDeclaration {
  const asked = standardised(declaration);
  if (!isStandardised(asked))
    throw doesNotFit(
      'no column of numbers is scaled; labels and lists of numbers are never standardised',
      'Leave the epsilon to standardise by out, or name such columns as features.',
    );
  const ranged = (feature: Feature): Feature => (isFitted(feature) ? { ...feature, kind: 'scale' } : feature);
  return { ...asked, features: eachOf(asked.features, ranged) };
}

/** How many columns take mean and deviation from the rows. */
export function standardisedColumns(declaration: ModelDeclaration): number {
  return fittedOf(declaration).length;
}

/** Whole numbers that a box answers with: two sums a column and how many units there are, or nothing. */
export function momentsOf(declaration: ModelDeclaration): number {
  const columns = standardisedColumns(declaration);
  return columns === 0 ? 0 : 2 * columns + 1;
}

/** As the trainer has it (moments.py): the noise is at least 2^20 whole numbers wide. */
const LEAST_DEVIATION = 2 ** 20;
/** More deviations than the noise's own words can draw. */
const WIDEST = 10;

/** @param columns - of each of which a unit adds one at most to two sums. */
function scaleOf(noiseMultiplier: number, columns: number, countsUnits: boolean): { ones: number; deviation: number } {
  const reach = Math.sqrt(2 * columns + (countsUnits ? 1 : 0));
  let ones = 1;
  while (noiseMultiplier * reach * ones < LEAST_DEVIATION) ones *= 2;
  return { ones, deviation: noiseMultiplier * reach * ones };
}

/** Deviation of the noise in each of so many means, in halves of a column's range; of fewer units than rows it is more. */
export function noiseOfMeans(noiseMultiplier: number, columns: number, rows: number): number {
  const { ones, deviation } = scaleOf(noiseMultiplier, columns, false);
  return deviation / ones / rows;
}

/**
 * The features with the mean and the deviation that the noised sums give; undefined if no sums over so many rows with such a noise
 * could be what was measured. The trainer computes the same numbers from the same sums, bit for bit: the order of operations counts.
 * @param measured - of each column the sum of values and of their squares, then the units; hostile
 * @param rows - that train
 */
export function fittedFeatures(
  measured: readonly bigint[],
  declaration: ModelDeclaration,
  rows: number,
): FittedFeatures | undefined {
  const { privacy } = declaration;
  const columns = fittedOf(declaration);
  if (privacy === 'none' || privacy.moments === undefined || measured.length !== momentsOf(declaration))
    return undefined;
  const countsUnits = privacy.unit.kind === 'column';
  const { ones, deviation } = scaleOf(privacy.moments.noiseMultiplier, columns.length, countsUnits);
  const [noise, most] = [BigInt(Math.ceil(WIDEST * deviation)), BigInt(rows) * BigInt(ones)];
  const units = measured.at(-1) ?? 0n;
  if (measured.slice(0, -1).some((sum, i) => sum > most + noise || sum < -noise - (i % 2 === 0 ? most : 0n))) {
    return undefined;
  }
  if (countsUnits ? units > most + noise || units < -noise : units !== 0n) return undefined;
  const count = countsUnits ? Math.max(1, Number(units) / ones) : rows;
  // A spread that its noise may have made up is not told from that noise.
  const least = Math.min(1, deviation / ones / count);
  const scales = columns.map((column, k): Feature => {
    const mean = Math.min(1, Math.max(-1, Number(measured[2 * k]) / ones / count));
    const square = Number(measured[2 * k + 1]) / ones / count;
    const variance = Math.min(1, Math.max(least, square - mean * mean));
    return scaleBy(column, mean, Math.sqrt(variance));
  });
  const next = scales.values();
  return eachOf(inOrder(declaration), (feature) => (isFitted(feature) ? (next.next().value ?? feature) : feature));
}

/** Mean and deviation of a column that lies between -1 and 1, as a scale of its own numbers. */
function scaleBy({ column, min, max }: Standardise, mean: number, deviation: number): Feature {
  const centre = min / 2 + max / 2;
  const half = max - centre;
  const low = centre + half * mean;
  return { kind: 'scale', column, min: low, max: low + half * deviation };
}

function inOrder({ features, inputs }: ModelDeclaration): Features {
  return Object.fromEntries(inputs.map(({ name }) => [name, features[name] ?? []]));
}

function eachOf(features: Features, change: (feature: Feature) => Feature): Features {
  return Object.fromEntries(Object.entries(features).map(([name, list]) => [name, list.map(change)]));
}
