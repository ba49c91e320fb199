import type { Address, Bytes32 } from '../../kernel/index.js';
import { marketOf } from '../../platform/index.js';
import { fixRecord, sealRecord, storageWarningRecord } from '../../provenance/index.js';
import { runwayDays, type StorageAccount } from '../copies.js';
import type { WatchDeps } from './ports.js';

/** Days left at which a seller is warned, each once on the way down. */
export const WARNINGS = [30, 7, 1] as const;

/** The lowest warning that this many days call for; null while there is more. */
export function warningFor(days: number): number | null {
  return WARNINGS.findLast((level) => days <= level) ?? null;
}

/**
 * Warns a seller whose deposit runs out, once at 30, 7 and 1 days: a record for each of its datasets and one notice. After a
 * top-up the warnings count anew.
 */
export async function watchDeposit(deps: WatchDeps, seller: Address, keyIds: Bytes32[]): Promise<void> {
  const account = await deps.chain.accountOf(seller);
  const level = warningFor(runwayDays(account));
  const warned = await deps.storage.warnedDays(seller);
  if (level === warned) return;
  if (level === null || (warned !== null && level > warned)) return deps.storage.setWarnedDays(seller, level);
  await warn(deps, seller, keyIds, account, level);
}

async function warn(
  deps: WatchDeps,
  seller: Address,
  keyIds: Bytes32[],
  account: StorageAccount,
  level: number,
): Promise<void> {
  const { prisma, storage, network, recorder, log } = deps;
  const daysLeft = runwayDays(account);
  const fundedUntilEpoch = Number(account.fundedUntilEpoch);
  const warnedAt = deps.now();
  const entries = await prisma.$transaction(async (tx) => {
    const fixed: Uint8Array[] = [];
    // In one order always: two workers that warn the same seller wait for one another, and not in a circle.
    for (const keyId of keyIds.toSorted()) {
      const seal = async (position: Parameters<typeof storageWarningRecord>[1]['position']): Promise<Uint8Array> =>
        sealRecord({
          ...storageWarningRecord(marketOf(network), { keyId, daysLeft, fundedUntilEpoch, position, warnedAt }),
          signer: recorder,
        });
      fixed.push(await fixRecord(tx, keyId, seal));
    }
    await storage.setWarnedDays(seller, level, tx);
    const id = `deposit/${seller.toLowerCase()}/${level}/${fundedUntilEpoch}`;
    const message = `Your deposit for storage lasts ${daysLeft} more day${daysLeft === 1 ? '' : 's'}: run "weighbridge storage top-up".`;
    await storage.notify({ id, seller, keyId: null, kind: 'storage-warning', message, at: warnedAt }, tx);
    return fixed;
  });
  for (const entry of entries) await log.append(entry);
}
