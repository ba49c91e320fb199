import { WeighbridgeError, type Bytes32, type Network } from '../../kernel/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { Cli } from '../cli.js';
import type { Account, Adapters } from '../ports.js';
import type { Ui } from '../ui/ui.js';

const DAY_MS = 86_400_000;
/** How long a lost copy may be replaced without the seller's key. */
const PERMIT_DAYS = 180;

/** Signs repair permits for a listed dataset and leaves them with the marketplace. */
export async function permit(cli: Cli, id: string, days: number): Promise<void> {
  const [network, account, api] = await Promise.all([cli.network(), cli.account(), cli.api()]);
  const dataset = await api.dataset(id);
  if (dataset.seller.toLowerCase() !== account.address.toLowerCase()) {
    throw new WeighbridgeError('FORBIDDEN', `${dataset.id} belongs to ${dataset.seller}`, {
      next: 'Use the key that published it.',
    });
  }
  const pieceCids = dataset.manifest.pieces.map(({ pieceCid }) => pieceCid);
  const permits = await leavePermits(cli.adapters, api, network, account, { ...dataset, pieceCids }, days);
  cli.ui.result({ dataset: dataset.id, permits, days }, () => [
    permits === 0
      ? 'No provider is spare: every listed one holds a copy or does not answer.'
      : `A lost copy can be replaced at ${permits} provider${permits === 1 ? '' : 's'} for ${days} days.`,
  ]);
}

interface PermitDeps {
  adapters: Pick<Adapters, 'sellerStorage'>;
  api: Pick<MarketApi, 'permitRepairs'>;
  network: Network;
  account: Account;
  ui: Pick<Ui, 'warn'>;
}

/**
 * So that a lost copy of a version that was just listed is replaced while the seller's key is away. It is listed without them just
 * as well.
 */
export async function leaveRepairPermits(
  { adapters, api, network, account, ui }: PermitDeps,
  version: { id: Bytes32; datasetId: Bytes32; pieceCids: string[] },
): Promise<void> {
  await leavePermits(adapters, api, network, account, version, PERMIT_DAYS).catch((error: unknown) =>
    ui.warn(`a lost copy cannot be replaced yet (${String(error)}): run "weighbridge storage permit" later`),
  );
}

/** @returns how many providers a copy may be made at */
async function leavePermits(
  adapters: Pick<Adapters, 'sellerStorage'>,
  api: Pick<MarketApi, 'permitRepairs'>,
  network: Network,
  account: Account,
  dataset: { id: Bytes32; datasetId: Bytes32; pieceCids: string[] },
  days: number,
): Promise<number> {
  const storage = await adapters.sellerStorage(network, account);
  const permits = await storage.permitRepairs(dataset.datasetId, dataset.pieceCids, days * DAY_MS);
  return permits.length === 0 ? 0 : api.permitRepairs(dataset.id, permits);
}
