import { z } from 'zod';

const learningRate = z.number().positive();
const fraction = z.number().min(0).lt(1);
/** A factor that a rate ends with or is multiplied by. */
const share = z.number().min(0).max(1);
const weightDecay = z.number().min(0);
const steps = z.number().int().min(0).max(0x7fffffff);
const adamFields = { learningRate, beta1: fraction, beta2: fraction, epsilon: z.number().positive(), weightDecay };

/** Optimisers as PyTorch has them: weight decay is added to the gradient, but for `adamw`, which takes it off the weights. */
export const optimiserSchema = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('sgd'), learningRate, momentum: fraction, nesterov: z.boolean(), weightDecay }),
  z.strictObject({ name: z.literal('adam'), ...adamFields }),
  z.strictObject({ name: z.literal('adamw'), ...adamFields }),
]);
export type Optimiser = z.infer<typeof optimiserSchema>;

/** What the learning rate is multiplied by, step by step: up from 0 in `warmupSteps`, then down to `finalFraction` at the end. */
export const scheduleSchema = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('constant') }),
  z.strictObject({ name: z.literal('cosine'), warmupSteps: steps, finalFraction: share }),
  z.strictObject({ name: z.literal('linear'), warmupSteps: steps, finalFraction: share }),
  z.strictObject({ name: z.literal('step'), everySteps: steps.min(1), factor: z.number().positive().max(1) }),
]);
export type Schedule = z.infer<typeof scheduleSchema>;

/** Optimiser steps of a whole run. */
export function totalSteps(rowCount: number, batchRows: number, epochs: number): number {
  return epochs * Math.ceil(rowCount / Math.min(batchRows, rowCount));
}
