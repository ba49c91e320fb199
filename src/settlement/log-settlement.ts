import type { Hex, Share } from '../kernel/index.js';
import { marketOf } from '../platform/index.js';
import { jobSettledRecord, sealRecord } from '../provenance/index.js';
import type { Job } from '../training/index.js';
import type { SettleJobDeps } from './settle-deps.js';

/**
 * Appends `job-settled`. The entry's bytes are fixed in the row before they are appended, as for every record.
 * @returns the record's log index
 */
export async function logSettlement(
  deps: SettleJobDeps,
  job: Job,
  moved: { outcome: 'settled' | 'refunded'; transaction: Hex; payouts: Share[] },
): Promise<number> {
  const entry = job.pendingEntry ?? (await fixEntry(deps, job, moved));
  return (await deps.log.append(entry)).index;
}

async function fixEntry(
  deps: SettleJobDeps,
  job: Job,
  moved: { outcome: 'settled' | 'refunded'; transaction: Hex; payouts: Share[] },
): Promise<Uint8Array> {
  const { id: orderId, keyId } = job;
  const facts = { orderId, keyId, ...moved, settledAt: new Date() };
  const { pendingEntry } = await deps.jobs.fixRecord(job, job.state, job.state, {}, async (position) =>
    sealRecord({ ...jobSettledRecord(marketOf(deps.network), { ...facts, position }), signer: deps.recorder }),
  );
  if (pendingEntry === null) throw new Error(`job ${job.id} lost the entry that was fixed in it`);
  return pendingEntry;
}
