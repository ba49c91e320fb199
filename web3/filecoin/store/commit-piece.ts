import type { PieceCID } from '@filoz/synapse-core/piece';
import { findPieceIdsByCid } from '@filoz/synapse-core/pdp-verifier';
import * as SP from '@filoz/synapse-core/sp';
import { signCreateDataSetAndAddPieces } from '@filoz/synapse-core/typed-data';
import { datasetMetadataObjectToEntry } from '@filoz/synapse-core/utils';
import { getDataSet } from '@filoz/synapse-core/warm-storage';
import { encodeAbiParameters, hexToBigInt, keccak256, type AbiParameter } from 'viem';
import { readContract, waitForTransactionReceipt } from 'viem/actions';
import { WeighbridgeError, type Address, type Hex } from '../../../src/kernel/index.js';
import type { FocSigner } from './foc-client.js';

const RECEIPT_TIMEOUT_MS = 120_000;
const MAX_NUMBERS = 100;

/** A provider and the payer's data set there, if there is one yet. */
export interface CommitTarget {
  provider: { serviceProvider: Address; pdp: { serviceURL: string } };
  dataSetId: bigint | undefined;
  dataSetMetadata: Record<string, string>;
}

/** Whether the chain lists a piece in the payer's data set. */
export async function isListed(signer: FocSigner, dataSetId: bigint | undefined, pieceCid: PieceCID): Promise<boolean> {
  if (dataSetId === undefined) return false;
  return (await findPieceIdsByCid(signer, { dataSetId, pieceCid })).length > 0;
}

/**
 * Has the provider bring stored pieces on chain in one transaction, and returns once it is mined, whatever the provider
 * says.
 *
 * The numbers in the signatures are not random but follow from payer, provider and pieces, and the contract takes each
 * once: a client that was killed after it sent a request, and sends it again, cannot pay for the pieces twice.
 * @throws WeighbridgeError TRANSACTION_REVERTED if the transaction was mined and refused
 */
export async function commitPieces(signer: FocSigner, target: CommitTarget, pieceCids: PieceCID[]): Promise<void> {
  const { serviceURL } = target.provider.pdp;
  const sent =
    target.dataSetId === undefined
      ? await createAndAdd(signer, target, serviceURL, pieceCids)
      : await add(signer, target.dataSetId, serviceURL, pieceCids);
  const receipt = await waitForTransactionReceipt(signer, { hash: sent.txHash, timeout: RECEIPT_TIMEOUT_MS });
  if (receipt.status === 'success') return;
  throw new WeighbridgeError('TRANSACTION_REVERTED', 'The storage contracts refused the pieces.', {
    next: 'Run the same command again: what is on chain already is found.',
    details: { transaction: sent.txHash },
    retryable: true,
  });
}

async function createAndAdd(
  signer: FocSigner,
  { provider, dataSetMetadata }: CommitTarget,
  serviceURL: string,
  pieceCids: PieceCID[],
): Promise<{ txHash: Hex }> {
  const payer = signer.account.address;
  const clientDataSetId = await freeNumber(signer, payer, ['data set', payer, provider.serviceProvider]);
  const extraData = await signCreateDataSetAndAddPieces(signer, {
    clientDataSetId,
    nonce: await freeNumber(signer, payer, ['piece', clientDataSetId, pieceCids.join()]),
    payee: provider.serviceProvider,
    metadata: datasetMetadataObjectToEntry(dataSetMetadata),
    pieces: pieceCids.map((pieceCid) => ({ pieceCid, metadata: [] })),
  });
  const pieces = pieceCids.map((pieceCid) => ({ pieceCid }));
  return SP.createDataSetAndAddPieces(signer, { serviceURL, payee: provider.serviceProvider, pieces, extraData });
}

async function add(
  signer: FocSigner,
  dataSetId: bigint,
  serviceURL: string,
  pieceCids: PieceCID[],
): Promise<{ txHash: Hex }> {
  const dataSet = await getDataSet(signer, { dataSetId });
  if (dataSet === null) throw new Error(`data set ${dataSetId} is not on chain`);
  const { clientDataSetId, payer } = dataSet;
  const nonce = await freeNumber(signer, payer, ['piece', clientDataSetId, pieceCids.join()]);
  const pieces = pieceCids.map((pieceCid) => ({ pieceCid }));
  return SP.addPieces(signer, { serviceURL, dataSetId, clientDataSetId, nonce, pieces });
}

/**
 * The first number of the series for `purpose` that the payer has not used: the first at first, the second if what the
 * first was used for is gone again (a piece that was removed, a data set that was ended).
 */
async function freeNumber(signer: FocSigner, payer: Address, purpose: (string | bigint)[]): Promise<bigint> {
  const { address, abi } = signer.chain.contracts.fwssView;
  const types: AbiParameter[] = purpose.map((part) => ({ type: typeof part === 'bigint' ? 'uint256' : 'string' }));
  for (let i = 0; i < MAX_NUMBERS; i++) {
    const encoded = encodeAbiParameters([...types, { type: 'uint256' }], [...purpose, BigInt(i)]);
    const number = hexToBigInt(keccak256(encoded));
    const used = await readContract(signer, { address, abi, functionName: 'clientNonces', args: [payer, number] });
    if (used === 0n) return number;
  }
  throw new Error(`${MAX_NUMBERS} numbers are used up for one ${String(purpose[0])}`);
}
