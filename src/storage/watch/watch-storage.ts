import type { Address, Bytes32 } from '../../kernel/index.js';
import type { WatchDeps } from './ports.js';
import { watchDataset } from './watch-dataset.js';
import { watchDeposit } from './watch-deposit.js';

/**
 * One round over all listed datasets and their sellers' deposits: the job `watch-storage`. A fault with one does not keep the
 * round from the others.
 */
export async function watchStorage(deps: WatchDeps): Promise<void> {
  const bySeller = new Map<Address, Bytes32[]>();
  for await (const page of deps.datasets()) {
    for (const dataset of page) {
      bySeller.set(dataset.seller, [...(bySeller.get(dataset.seller) ?? []), dataset.keyId]);
      await watchDataset(deps, dataset).catch((error: unknown) => deps.onFault(error, `dataset ${dataset.keyId}`));
    }
  }
  for (const [seller, keyIds] of bySeller) {
    await watchDeposit(deps, seller, keyIds).catch((error: unknown) => deps.onFault(error, `deposit of ${seller}`));
  }
}
