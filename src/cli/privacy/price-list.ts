import { amountOf, epsilonMicrosOf, formatWei, isWeighbridgeError, offerFromJson } from '../../kernel/index.js';
import { addLoss, epsilonOfLoss, lossOf, NOISE_RANGE, noiseFor, privateRunRdp } from '../../privacy/index.js';
import { epsilonOfRun, noiseOfMeans, samplingOf, singleNoise } from '../../training/models.js';
import type { Dataset, PrivacyBalance } from '../api/schemas.js';
import { table } from '../ui/table.js';
import type { Colours } from '../ui/ui.js';

/** What a run of some epochs on a dataset costs, for an epsilon. */
export interface EpsilonPrice {
  /** Of training. */
  epsilon: number;
  /** Of training, metric and moments together, which is what is paid for; the same where neither is bought. */
  totalEpsilon: number;
  /** Null where no noise makes the run as private as that. */
  noiseMultiplier: number | null;
  priceWei: bigint;
  /** Whether every shard has so much left of its budget. */
  left: boolean;
}

/** What is bought beside the weights: what each may cost by itself. */
export interface Extras {
  metricEpsilon?: number | undefined;
  standardiseEpsilon?: number | undefined;
}

export interface PriceList {
  delta: number;
  budgetEpsilon: number;
  takenEpsilon: number;
  samplingRate: number;
  steps: number;
  /** Deviation of the noise in a mean that is fitted, were it the only one, in halves of its column's range; of k it is sqrt(k) times that. */
  meanNoise?: number;
  epsilons: EpsilonPrice[];
}

const USUAL = [0.5, 1, 2, 4, 8];

/**
 * Prices of privacy as the contract and the ledger will compute them; undefined if the terms sell none.
 * @param run - what is meant to be trained; and what is bought beside the weights
 * @param epsilons - default: the usual ones that a job may take, and the most that it may
 */
export function priceList(
  { offer: offerJson, terms, rowCount }: Pick<Dataset, 'offer' | 'terms' | 'rowCount'>,
  balance: PrivacyBalance,
  run: Extras & { batchRows: number; epochs: number },
  epsilons?: readonly number[],
): PriceList | undefined {
  const { budget } = terms.privacy;
  if (budget === undefined) return undefined;
  const offer = offerFromJson(offerJson);
  const sampling = samplingOf(run, rowCount);
  const { delta, maxEpsilonPerJob: most } = budget;
  const taken = balance.shards.map(({ spent, reserved }) => addLoss(spent, reserved));
  const once = (epsilon: number | undefined) =>
    epsilon === undefined ? undefined : { noiseMultiplier: singleNoise(epsilon, delta) };
  const [metric, moments] = [once(run.metricEpsilon), once(run.standardiseEpsilon)];
  const priceOf = (epsilon: number): EpsilonPrice => {
    const noiseMultiplier = noiseOrNull({ epsilon, delta, ...sampling });
    const release = noiseMultiplier === null ? undefined : { noiseMultiplier, ...sampling, metric, moments };
    const totalEpsilon =
      release === undefined || (metric ?? moments) === undefined ? epsilon : epsilonOfRun({ delta, ...release });
    const loss = release && lossOf(privateRunRdp(release));
    return {
      epsilon,
      totalEpsilon,
      noiseMultiplier,
      priceWei: amountOf(offer, epsilonMicrosOf(totalEpsilon)),
      left: loss !== undefined && taken.every((one) => epsilonOfLoss(addLoss(one, loss), delta) <= budget.epsilon),
    };
  };
  return {
    delta,
    budgetEpsilon: budget.epsilon,
    takenEpsilon: Math.max(0, ...taken.map((one) => epsilonOfLoss(one, delta))),
    ...sampling,
    ...(moments === undefined ? {} : { meanNoise: noiseOfMeans(moments.noiseMultiplier, 1, rowCount) }),
    epsilons:
      epsilons?.map(priceOf) ??
      [...USUAL.filter((one) => one < most), most].map(priceOf).filter(({ totalEpsilon }) => totalEpsilon <= most),
  };
}

export function priceLines(list: PriceList, out: Colours): string[] {
  const { delta, budgetEpsilon, takenEpsilon, meanNoise } = list;
  const withMore = list.epsilons.some(({ epsilon, totalEpsilon }) => epsilon !== totalEpsilon);
  return [
    ...table([
      ['epsilon', ...(withMore ? ['all together'] : []), 'noise multiplier', 'price of the run', ''].map(out.dim),
      ...list.epsilons.map(({ epsilon, totalEpsilon, noiseMultiplier, priceWei, left }) => [
        String(epsilon),
        ...(withMore ? [String(totalEpsilon)] : []),
        noiseMultiplier === null ? '-' : String(noiseMultiplier),
        noiseMultiplier === null ? '-' : `${formatWei(priceWei)} USDFC`,
        noteOf(noiseMultiplier, left, out),
      ]),
    ]),
    `At delta ${delta}. Of each shard's budget of ${budgetEpsilon}, ${takenEpsilon === 0 ? 'nothing' : `at most ${takenEpsilon.toFixed(3)}`} is taken.`,
    ...(meanNoise === undefined
      ? []
      : [
          `A mean that is fitted is off by about ${meanNoise.toPrecision(2)} of half its column's range, times the root of the number of columns.`,
        ]),
  ];
}

function noteOf(noiseMultiplier: number | null, left: boolean, out: Colours): string {
  if (noiseMultiplier === null) return out.yellow('no noise is enough: take fewer epochs');
  if (!left) return out.yellow('more than is left of the budget');
  return noiseMultiplier === NOISE_RANGE.min ? 'the least noise that a run takes; it costs less than that' : '';
}

function noiseOrNull(wanted: Parameters<typeof noiseFor>[0]): number | null {
  try {
    return noiseFor(wanted);
  } catch (error) {
    if (isWeighbridgeError(error) && error.code === 'BAD_INPUT') return null;
    throw error;
  }
}
