import * as Piece from '@filoz/synapse-core/piece';
import { signAddPieces, signCreateDataSetAndAddPieces } from '@filoz/synapse-core/typed-data';
import { datasetMetadataObjectToEntry } from '@filoz/synapse-core/utils';
import type { Bytes32 } from '../../../src/kernel/index.js';
import type { RepairPermit } from '../../../src/storage/index.js';
import { labelOf } from './dataset-label.js';
import type { Provider } from './choose-providers.js';
import { freeNumber } from './free-number.js';
import type { StorageSigner } from './session-key.js';

/** What one transaction carries at most. */
export const PIECES_PER_CALL = 40;

/**
 * Signs, for each spare provider, that it may make one data set for exactly these pieces and be paid for it. A copy can then
 * be replaced while the seller's wallet is away, by whoever holds the permit, and nothing else can be done with it: no
 * other provider, no other piece, no second time, and not after the session key that signed has expired or was revoked.
 */
export async function signRepairPermits(
  signer: StorageSigner,
  dataset: Bytes32,
  pieceCids: string[],
  spares: Provider[],
): Promise<RepairPermit[]> {
  return Promise.all(spares.map(async (provider) => signPermit(signer, dataset, pieceCids, provider)));
}

async function signPermit(
  { client, payer, validUntil }: StorageSigner,
  dataset: Bytes32,
  pieceCids: string[],
  provider: Provider,
): Promise<RepairPermit> {
  const purpose = ['repair', dataset, provider.address, pieceCids.join()];
  const clientDataSetId = await freeNumber(client, payer, ['data set', ...purpose]);
  const calls = [];
  for (let from = 0; from < pieceCids.length; from += PIECES_PER_CALL) {
    const group = pieceCids.slice(from, from + PIECES_PER_CALL);
    const signed = {
      clientDataSetId,
      nonce: await freeNumber(client, payer, ['pieces', clientDataSetId, group.join()]),
      pieces: group.map((pieceCid) => ({ pieceCid: Piece.parse(pieceCid), metadata: [] })),
    };
    const metadata = datasetMetadataObjectToEntry(labelOf(dataset));
    const extraData =
      from === 0
        ? await signCreateDataSetAndAddPieces(client, { ...signed, payer, payee: provider.address, metadata })
        : await signAddPieces(client, signed);
    calls.push({ pieceCids: group, extraData });
  }
  return {
    providerId: Number(provider.id),
    payer,
    clientDataSetId: clientDataSetId.toString(),
    calls,
    validUntil: new Date(Number(validUntil) * 1_000).toISOString(),
  };
}
