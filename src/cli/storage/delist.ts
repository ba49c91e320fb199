import { keyIdOf, WeighbridgeError, type Address, type Bytes32 } from '../../kernel/index.js';
import type { Cli } from '../cli.js';
import type { ChainReader } from '../ports.js';
import { table } from '../ui/table.js';

/** Ends the storage of a dataset. Only of a revoked one: a buyer could pay for what nobody stores any more. */
export async function delist(cli: Cli, id: string): Promise<void> {
  const [network, account, api] = await Promise.all([cli.network(), cli.account(), cli.api()]);
  const dataset = await api.dataset(id);
  if (dataset.seller.toLowerCase() !== account.address.toLowerCase()) {
    throw new WeighbridgeError('FORBIDDEN', `${dataset.id} belongs to ${dataset.seller}`, {
      next: 'Use the key that published it.',
    });
  }
  await assertRevoked(await cli.adapters.chainReader(network), account.address, dataset.datasetId);
  cli.ui.note('asking each provider to delete the pieces, then ending its service');
  const copies = await (await cli.adapters.sellerStorage(network, account)).end(dataset.datasetId);
  cli.ui.result({ dataset: dataset.id, copies }, () => [
    ...table([
      ['provider', 'data set', 'pieces being deleted', 'requests refused'],
      ...copies.map(({ providerId, dataSetId, deleting, refused }) => [
        String(providerId),
        String(dataSetId),
        String(deleting),
        String(refused),
      ]),
    ]),
    'Providers are paid for their notice period, and no longer.',
  ]);
}

/** All versions share the copies, so all of them must be revoked. */
async function assertRevoked(chain: ChainReader, seller: Address, datasetId: Bytes32): Promise<void> {
  for (let version = 1; ; version++) {
    const keyId = keyIdOf(seller, datasetId, version);
    if (BigInt(await chain.offerOf(keyId)) === 0n) return;
    if (await chain.isRevoked(keyId)) continue;
    throw new WeighbridgeError('BAD_INPUT', `version ${version} (${keyId}) is still on sale`, {
      next: `Run "weighbridge revoke ${keyId.slice(0, 10)}" first: buyers must not pay for what is stored no more.`,
    });
  }
}
