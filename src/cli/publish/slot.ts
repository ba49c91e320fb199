import { randomBytes } from 'node:crypto';
import { keyIdOf, to0x, WeighbridgeError, type Deployed } from '../../kernel/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { Account, SellerChain } from '../ports.js';
import { checkSigned } from '../browse/check-dataset.js';
import type { DatasetSlot, SentPiece } from './journal.js';

/** Where a publish begins. */
export interface Beginning {
  slot: DatasetSlot;
  /** Pieces of the version before: a shard that did not change is one of them. */
  sent: SentPiece[];
}

/** A new dataset, or the next version of one of the seller's. @throws WeighbridgeError FORBIDDEN, BAD_INPUT */
export async function beginAt(
  newVersionOf: string | undefined,
  account: Account,
  market: Deployed,
  api: Pick<MarketApi, 'dataset'>,
  sellerChain: () => Promise<SellerChain>,
): Promise<Beginning> {
  if (newVersionOf === undefined)
    return { slot: { datasetId: to0x(randomBytes(32)), version: 1, keyEpoch: 1 }, sent: [] };
  const previous = await api.dataset(newVersionOf);
  // Its pieces go into the new listing: they must be those that the seller signed, not what an API says.
  await checkSigned(previous, market);
  if (previous.seller.toLowerCase() !== account.address.toLowerCase()) {
    throw new WeighbridgeError('FORBIDDEN', `${newVersionOf} belongs to ${previous.seller}`, {
      next: 'Publish a new version with the key that published the first.',
    });
  }
  const { datasetId } = previous;
  const version = previous.version + 1;
  const chain = await sellerChain();
  const listed = await chain.offerOf(keyIdOf(account.address, datasetId, version));
  if (BigInt(listed) !== 0n) {
    throw new WeighbridgeError('BAD_INPUT', `version ${version} of this dataset is listed already`, {
      next: 'Name the newest version with --new-version-of.',
    });
  }
  const keyEpoch = await keyEpochOf(chain, account, datasetId, version);
  const sent = previous.manifest.pieces.map(({ wrappedKey: _key, ...piece }) => piece);
  return { slot: { datasetId, version, keyEpoch }, sent };
}

/**
 * Shards keep their keys from version to version, so that what did not change is not sent again, until a version is
 * revoked: its key may be what leaked, so the versions after it take new keys for every shard.
 */
async function keyEpochOf(
  chain: SellerChain,
  account: Account,
  datasetId: DatasetSlot['datasetId'],
  version: number,
): Promise<number> {
  for (let earlier = version - 1; earlier >= 1; earlier--) {
    if (await chain.isRevoked(keyIdOf(account.address, datasetId, earlier))) return earlier + 1;
  }
  return 1;
}
