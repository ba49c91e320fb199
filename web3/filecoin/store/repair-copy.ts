import * as Piece from '@filoz/synapse-core/piece';
import * as SP from '@filoz/synapse-core/sp';
import { getPDPProvidersByIds } from '@filoz/synapse-core/sp-registry';
import type { RepairPermit } from '../../../src/storage/index.js';
import { notListed } from './dataset-label.js';
import type { FocReader, FocSigner } from './foc-client.js';
import { dataSetOfNumber } from './free-number.js';
import { answers, mined, pull } from './provider-calls.js';
import { providerDown } from './storage-errors.js';

/**
 * Makes a new copy with a permit of the seller's: the permitted provider pulls the pieces from one that has them, and brings
 * them on chain. Every step looks first whether it was done, so that it may be run again after a kill at any point.
 * @param sources Base URLs of providers that are believed to have every piece
 * @returns the id of the new data set
 * @throws WeighbridgeError PROVIDER_DOWN (retryable)
 */
export async function repairCopy(client: FocReader, permit: RepairPermit, sources: string[]): Promise<bigint> {
  const [provider] = await getPDPProvidersByIds(client, { providerIds: [BigInt(permit.providerId)] });
  if (provider === undefined) throw providerDown(`Storage provider ${permit.providerId} is in no registry.`);
  const serviceUrl = provider.pdp.serviceURL;
  if (!(await answers(serviceUrl))) throw providerDown(`${serviceUrl} does not answer.`);
  let dataSetId = await dataSetOfPermit(client, permit);
  for (const call of permit.calls) {
    const pieceCids = call.pieceCids.map((pieceCid) => Piece.parse(pieceCid));
    if (dataSetId !== undefined && (await notListed(client, dataSetId, call.pieceCids)).length === 0) continue;
    await pullFromAny(client, { serviceUrl, pieceCids, extraData: call.extraData, dataSetId }, sources);
    const pieces = pieceCids.map((pieceCid) => ({ pieceCid }));
    // The SDK signs only where it is given no signature: any client will do.
    const signer = client as unknown as FocSigner;
    const { extraData } = call;
    const sent =
      dataSetId === undefined
        ? await SP.createDataSetAndAddPieces(signer, {
            serviceURL: serviceUrl,
            payee: provider.serviceProvider,
            pieces,
            extraData,
          })
        : await SP.addPieces(signer, { serviceURL: serviceUrl, dataSetId, clientDataSetId: 0n, pieces, extraData });
    await mined(client, sent.txHash);
    dataSetId ??= await dataSetOfPermit(client, permit);
    if (dataSetId === undefined) throw providerDown('The provider says that the copy is on chain, and it is not.');
  }
  if (dataSetId === undefined) throw new Error('a permit without calls');
  return dataSetId;
}

/** The data set that a permit was used for. */
export async function dataSetOfPermit(client: FocReader, permit: RepairPermit): Promise<bigint | undefined> {
  const dataSetId = await dataSetOfNumber(client, permit.payer, BigInt(permit.clientDataSetId));
  return dataSetId === 0n ? undefined : dataSetId;
}

async function pullFromAny(
  client: FocReader,
  request: Omit<Parameters<typeof pull>[1], 'sourceUrl'>,
  sources: string[],
): Promise<void> {
  let fault: unknown = providerDown('No copy is left to copy from.');
  for (const sourceUrl of sources) {
    try {
      return await pull(client, { ...request, sourceUrl });
    } catch (error) {
      fault = error;
    }
  }
  throw fault;
}
