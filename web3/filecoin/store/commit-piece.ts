import type { PieceCID } from '@filoz/synapse-core/piece';
import * as SP from '@filoz/synapse-core/sp';
import { signAddPieces, signCreateDataSetAndAddPieces } from '@filoz/synapse-core/typed-data';
import { datasetMetadataObjectToEntry } from '@filoz/synapse-core/utils';
import type { Hex } from '../../../src/kernel/index.js';
import type { PaidDataSet } from './dataset-label.js';
import { freeNumber } from './free-number.js';
import { mined } from './provider-calls.js';
import type { Provider } from './choose-providers.js';
import type { StorageSigner } from './session-key.js';

/** A provider and the payer's data set there, if there is one yet. */
export interface CommitTarget {
  provider: Pick<Provider, 'address' | 'serviceUrl'>;
  dataSet: PaidDataSet | undefined;
  /** Of a data set that is made. */
  metadata: Record<string, string>;
}

/**
 * Signs that a provider may bring pieces on chain, in a new data set if there is none.
 *
 * The numbers in the signatures are not random but follow from payer, provider and pieces, and the contract takes each
 * once: a client that was killed after it sent a request, and sends it again, cannot pay for the pieces twice.
 */
export async function signPieces(signer: StorageSigner, target: CommitTarget, pieceCids: PieceCID[]): Promise<Hex> {
  const { client, payer } = signer;
  const { provider, dataSet, metadata } = target;
  const label = JSON.stringify(metadata);
  const clientDataSetId =
    dataSet?.clientDataSetId ?? (await freeNumber(client, payer, ['data set', payer, provider.address, label]));
  const signed = {
    clientDataSetId,
    nonce: await freeNumber(client, payer, ['piece', clientDataSetId, pieceCids.join()]),
    pieces: pieceCids.map((pieceCid) => ({ pieceCid, metadata: [] })),
  };
  if (dataSet !== undefined) return signAddPieces(client, signed);
  return signCreateDataSetAndAddPieces(client, {
    ...signed,
    payer,
    payee: provider.address,
    metadata: datasetMetadataObjectToEntry(metadata),
  });
}

/**
 * Has the provider bring stored pieces on chain in one transaction, and returns once it is mined, whatever the provider
 * says.
 * @throws WeighbridgeError TRANSACTION_REVERTED if the transaction was mined and refused
 */
export async function commitPieces(
  { client }: StorageSigner,
  { provider, dataSet }: CommitTarget,
  pieceCids: PieceCID[],
  extraData: Hex,
): Promise<void> {
  const serviceURL = provider.serviceUrl;
  const pieces = pieceCids.map((pieceCid) => ({ pieceCid }));
  const { txHash } =
    dataSet === undefined
      ? await SP.createDataSetAndAddPieces(client, { serviceURL, payee: provider.address, pieces, extraData })
      : await SP.addPieces(client, { serviceURL, ...dataSet, pieces, extraData });
  await mined(client, txHash);
}
