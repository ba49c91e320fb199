import * as Piece from '@filoz/synapse-core/piece';
import { WeighbridgeError, type Bytes32 } from '../../../src/kernel/index.js';
import type { CopyRef, StepTimer } from '../../../src/storage/index.js';
import type { Provider } from './choose-providers.js';
import { commitPieces, signPieces } from './commit-piece.js';
import { dataSetsOf, labelOf, notListed, type PaidDataSet } from './dataset-label.js';
import { pull } from './provider-calls.js';
import type { StorageSigner } from './session-key.js';
import { providerDown } from './storage-errors.js';

const MAX_COMMITS = 3;

export interface CopyPlace {
  dataset: Bytes32 | undefined;
  provider: Provider;
  /** Where the provider gets the pieces from; unset where they were sent to it. */
  sourceUrl?: string | undefined;
  time: StepTimer;
}

/** Brings groups of pieces on chain at one provider, in the payer's data set for this dataset. */
export async function listCopy(signer: StorageSigner, place: CopyPlace, groups: string[][]): Promise<CopyRef> {
  let listed: PaidDataSet | undefined;
  for (const group of groups) listed = await listGroup(signer, place, group);
  if (listed === undefined) throw new Error('a copy of nothing');
  return { providerId: Number(listed.providerId), dataSetId: Number(listed.dataSetId) };
}

/** A refusal may mean that an earlier attempt of ours got there first: look, and try again. */
async function listGroup(signer: StorageSigner, place: CopyPlace, group: string[]): Promise<PaidDataSet> {
  for (let attempt = 1; ; attempt++) {
    const dataSet = await dataSetAt(signer, place);
    const missing = dataSet === undefined ? group : await notListed(signer.client, dataSet.dataSetId, group);
    if (dataSet !== undefined && missing.length === 0) return dataSet;
    if (attempt > MAX_COMMITS) throw providerDown('The provider says that the pieces are on chain, and they are not.');
    try {
      await bringOnChain(signer, place, dataSet, missing);
    } catch (error) {
      if (attempt === MAX_COMMITS || !mayBeOurs(error)) throw error;
    }
  }
}

async function bringOnChain(
  signer: StorageSigner,
  { dataset, provider, sourceUrl, time }: CopyPlace,
  dataSet: PaidDataSet | undefined,
  missing: string[],
): Promise<void> {
  const pieceCids = missing.map((pieceCid) => Piece.parse(pieceCid));
  const target = { provider, dataSet, metadata: labelOf(dataset) };
  const extraData = await signPieces(signer, target, pieceCids);
  if (sourceUrl !== undefined) {
    const { serviceUrl } = provider;
    const request = { serviceUrl, sourceUrl, pieceCids, extraData, dataSetId: dataSet?.dataSetId };
    await time('pulled by its provider', async () => pull(signer.client, request));
  }
  await time('on chain', async () => commitPieces(signer, target, pieceCids, extraData));
}

async function dataSetAt(signer: StorageSigner, { dataset, provider }: CopyPlace): Promise<PaidDataSet | undefined> {
  const sets = await dataSetsOf(signer.client, signer.payer, dataset);
  return sets.find(({ providerId, endEpoch }) => providerId === provider.id && endEpoch === 0n);
}

function mayBeOurs(error: unknown): boolean {
  if (error instanceof WeighbridgeError) return error.code === 'TRANSACTION_REVERTED';
  return error instanceof Error && error.message.includes('ClientDataSetAlreadyRegistered');
}
