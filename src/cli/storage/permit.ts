import { WeighbridgeError, type Bytes32 } from '../../kernel/index.js';
import type { RepairPermit } from '../../storage/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { Cli } from '../cli.js';
import { counted } from '../ui/text.js';

const DAY_MS = 86_400_000;

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
  const storage = await cli.adapters.sellerStorage(network, account);
  const signed = await storage.permitRepairs(dataset.datasetId, pieceCids, days * DAY_MS);
  const permits = await leavePermits(api, dataset.id, signed);
  cli.ui.result({ dataset: dataset.id, permits, days }, () => [
    permits === 0
      ? 'No provider is spare: every listed one holds a copy or does not answer.'
      : `A lost copy can be replaced at ${counted(permits, 'provider')} for ${counted(days, 'day')}.`,
  ]);
}

/** @returns how many providers a copy may be made at */
export async function leavePermits(
  api: Pick<MarketApi, 'permitRepairs'>,
  dataset: Bytes32,
  permits: RepairPermit[],
): Promise<number> {
  return permits.length === 0 ? 0 : api.permitRepairs(dataset, permits);
}
