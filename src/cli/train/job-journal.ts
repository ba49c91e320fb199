import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { bytes32Schema, hexBytesSchema, offerJson, orderJson } from '../../kernel/index.js';
import { declarationSchema } from '../../training/model-declaration.js';
import { readJson, writeJsonAtomic } from '../state/atomic-file.js';
import type { StateDir } from '../state/state-dir.js';

/**
 * One job as this machine knows it, `.weighbridge/jobs/<order id>/job.json`. Written before the payment: it holds the order
 * with its salt, so a repeat opens the same order, which the contract takes once.
 */
const jobJournalSchema = z.strictObject({
  version: z.literal(1),
  /** Digest of what was asked for: the same command finds its job again by it. */
  request: z.string(),
  chainId: z.number().int().positive(),
  marketplace: z.string(),
  orderId: bytes32Schema,
  order: orderJson,
  offer: offerJson,
  declaration: declarationSchema,
  recipient: z.string().startsWith('age1'),
  title: z.string(),
  createdAt: z.iso.datetime(),
  /** Transaction that paid into escrow. */
  opened: hexBytesSchema.optional(),
  submitted: z.boolean(),
  /** How it ended: weights and receipt were written, the money went back, or it was never opened and never can be. */
  outcome: z.enum(['settled', 'refunded', 'abandoned']).optional(),
});
export type JobJournal = z.infer<typeof jobJournalSchema>;

export async function readJob(state: StateDir, orderId: string): Promise<JobJournal | undefined> {
  return readJson(path.join(state.job(orderId), 'job.json'), jobJournalSchema);
}

/** Durable when it returns. */
export async function writeJob(state: StateDir, journal: JobJournal): Promise<void> {
  await writeJsonAtomic(path.join(state.job(journal.orderId), 'job.json'), journal);
}

/** Every job that was begun on this machine, oldest first. */
export async function knownJobs(state: StateDir): Promise<JobJournal[]> {
  const jobs = await Promise.all((await jobIds(state)).map(async (orderId) => readJob(state, orderId)));
  return jobs.filter((job) => job !== undefined).sort((a, b) => a.createdAt.localeCompare(b.createdAt));
}

/** What it takes to get a payment back. */
const paidSchema = z.looseObject(jobJournalSchema.pick({ orderId: true, order: true }).shape);
export type PaidOrder = z.infer<typeof paidSchema>;

/**
 * The orders of all jobs that were begun on this machine, also of those whose journal another version wrote, with a declaration that this one
 * does not take: it shall not stand between a buyer and its money.
 * @returns errors in place of journals that do not even hold an order
 */
export async function knownOrders(state: StateDir): Promise<(PaidOrder | Error)[]> {
  const read = async (orderId: string): Promise<PaidOrder | Error | undefined> =>
    readJson(path.join(state.job(orderId), 'job.json'), paidSchema).catch((error: Error) => error);
  return (await Promise.all((await jobIds(state)).map(read))).filter((order) => order !== undefined);
}

async function jobIds(state: StateDir): Promise<string[]> {
  const names = await readdir(state.jobs).catch(() => []);
  return names.filter((name) => /^0x[0-9a-f]{64}$/.test(name));
}

/** The newest job for a request that did not end without result. */
export async function findJob(state: StateDir, request: string): Promise<JobJournal | undefined> {
  const jobs = await knownJobs(state);
  const newest = jobs.findLast((job) => job.request === request);
  return newest?.outcome === 'refunded' || newest?.outcome === 'abandoned' ? undefined : newest;
}
