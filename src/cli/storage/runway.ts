import { runwayDays, type StorageAccount } from '../../storage/index.js';

/** How long a deposit lasts: whole days, null for ever, and in words. */
export function runwayOf(account: StorageAccount): { days: number | null; words: string } {
  const days = runwayDays(account);
  if (!Number.isFinite(days)) return { days: null, words: 'for ever: nothing is being paid' };
  return { days, words: `${days} day${days === 1 ? '' : 's'}` };
}
