import type { Bytes32 } from '../../kernel/index.js';
import type { RepairPermit } from '../../storage/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { SellerStorage } from '../ports.js';
import type { Ui } from '../ui/ui.js';
import { leavePermits } from './permit.js';

/** How long a lost copy of a version that was just listed may be replaced without the seller's key. */
const PERMIT_MS = 180 * 86_400_000;

/** Has the key of the permits allowed on chain. It need not be: `signRepairPermits` does it otherwise, and waits for a block. */
export async function prepareRepairs(storage: SellerStorage): Promise<void> {
  await storage.prepareRepairs(PERMIT_MS);
}

/** Called once the copies are on chain: whoever holds one is not spare. */
export async function signRepairPermits(
  storage: SellerStorage,
  datasetId: Bytes32,
  pieces: { pieceCid: string }[],
): Promise<RepairPermit[]> {
  const pieceCids = pieces.map(({ pieceCid }) => pieceCid);
  return storage.permitRepairs(datasetId, pieceCids, PERMIT_MS);
}

/**
 * So that a lost copy of a version that was just listed is replaced while the seller's key is away. It is listed without them just
 * as well: what fails here is a warning.
 */
export async function leaveRepairPermits(
  { api, ui }: { api: Pick<MarketApi, 'permitRepairs'>; ui: Pick<Ui, 'warn'> },
  version: Bytes32,
  signed: Promise<RepairPermit[]>,
): Promise<void> {
  const left = signed.then(async (permits) => leavePermits(api, version, permits));
  await left.catch((error: unknown) =>
    ui.warn(`a lost copy cannot be replaced yet (${String(error)}): run "weighbridge storage permit" later`),
  );
}
