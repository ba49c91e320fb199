import { z } from 'zod';
import { WeighbridgeError } from '../../kernel/index.js';
import type { BoughtMetric, WantedPrivacy } from '../../training/models.js';
import type { ModelFiles } from '../api/schemas.js';

/** What `train` may be asked to buy beside the weights. */
export interface MetricOptions {
  metric?: 'accuracy' | 'loss';
  metricEpsilon?: number;
  metricBound?: number;
}

/** @throws WeighbridgeError BAD_INPUT if it does not say how much of the budget the metric may take */
export function wantedMetric({ metric, metricEpsilon, metricBound }: MetricOptions): WantedPrivacy['metric'] {
  if (metric !== undefined && metricEpsilon !== undefined && (metric === 'loss' || metricBound === undefined)) {
    return { name: metric, epsilon: metricEpsilon, bound: metricBound };
  }
  if (metric === undefined && metricEpsilon === undefined && metricBound === undefined) return undefined;
  throw new WeighbridgeError('BAD_INPUT', 'it is not clear which metric to buy', {
    next: 'Give --metric accuracy or --metric loss with --metric-epsilon, the part of the budget that it may take; --metric-bound goes with loss.',
  });
}

const boughtSchema = z.strictObject({
  name: z.enum(['accuracy', 'loss']),
  value: z.number(),
  deviation: z.number(),
  rows: z.number(),
  bound: z.number(),
  noiseMultiplier: z.number(),
}) satisfies z.ZodType<BoughtMetric>;

/** @param files - held against the worker's record already */
export function boughtIn(files: Partial<ModelFiles>): BoughtMetric | null {
  const text = files['metric.json'];
  return text === undefined ? null : boughtSchema.parse(JSON.parse(text));
}
