import { decodeFunctionData, hexToBytes, type Hex } from 'viem';
import { getContractEvents, getTransaction, readContract } from 'viem/actions';
import { WeighbridgeError } from '../../../src/kernel/index.js';
import type { VerifiedProof } from '../../../src/storage/index.js';
import { pieceCidFromBytes } from '../piece-cid.js';
import { challengedLeaf, verifyLeaf } from '../possession.js';
import type { FocReader } from './foc-client.js';

/**
 * Verifies a proof of possession anew, from the calldata of its transaction and with no key: the challenges are drawn again
 * from the chain's randomness, and each Merkle path is hashed up to the root that the piece's CID names.
 * Where the node no longer has the randomness or the state of that epoch, the challenges are those of the event, which the
 * contract wrote; the answer says so.
 * @throws WeighbridgeError PROOF_INVALID, BAD_INPUT without a proof to verify
 */
export async function verifyLastProof(client: FocReader, dataSetId: bigint): Promise<VerifiedProof> {
  const { address, abi } = client.chain.contracts.pdp;
  const args = [dataSetId] as const;
  const isLive = await readContract(client, { address, abi, functionName: 'dataSetLive', args });
  if (!isLive) throw unproven(dataSetId);
  const epoch = await readContract(client, { address, abi, functionName: 'getDataSetLastProvenEpoch', args });
  if (epoch === 0n) throw unproven(dataSetId);
  const range = { fromBlock: epoch, toBlock: epoch };
  const events = await getContractEvents(client, {
    address,
    abi,
    eventName: 'PossessionProven',
    args: { setId: dataSetId },
    ...range,
  });
  const event = events.at(-1);
  if (event?.args.challenges === undefined) throw invalid(`no proof of data set ${dataSetId} is in epoch ${epoch}`);
  const proofs = proofsOf((await getTransaction(client, { hash: event.transactionHash })).input, dataSetId, abi);
  const { challenges } = event.args;
  if (challenges.length === 0 || proofs.length !== challenges.length)
    throw invalid('challenges and proofs differ in number');
  for (const [i, { pieceId, offset }] of challenges.entries()) {
    const cid = await pieceCidAt(client, dataSetId, pieceId, epoch);
    const proof = proofs[i];
    if (cid === undefined || proof === undefined) throw invalid(`piece ${pieceId} has no CID on chain`);
    const leaf = { leaf: hexToBytes(proof.leaf), proof: proof.proof.map((node) => hexToBytes(node)) };
    if (!verifyLeaf(cid, Number(offset), leaf))
      throw invalid(`leaf ${offset} of piece ${pieceId} is not under its root`);
  }
  const redrawn = await redraw(client, dataSetId, challenges.length, epoch);
  if (
    redrawn !== undefined &&
    redrawn.join() !== challenges.map(({ pieceId, offset }) => `${pieceId}/${offset}`).join()
  ) {
    throw invalid('the challenges are not those that the randomness draws');
  }
  return {
    dataSetId: Number(dataSetId),
    epoch,
    transaction: event.transactionHash,
    challenges: challenges.map(({ pieceId, offset }) => ({ pieceId: Number(pieceId), leaf: Number(offset) })),
    randomness: redrawn === undefined ? 'taken from the event' : 'drawn again',
  };
}

type PdpAbi = FocReader['chain']['contracts']['pdp']['abi'];

function proofsOf(input: Hex, dataSetId: bigint, abi: PdpAbi): readonly { leaf: Hex; proof: readonly Hex[] }[] {
  const call = decodeFunctionData({ abi, data: input });
  if (call.functionName !== 'provePossession') throw invalid('the transaction is no call of provePossession');
  const [setId, proofs] = call.args;
  if (setId !== dataSetId) throw invalid('the transaction proves another data set');
  return proofs;
}

/** A piece that was removed since is read as it was then. */
async function pieceCidAt(client: FocReader, dataSetId: bigint, pieceId: bigint, epoch: bigint) {
  const { address, abi } = client.chain.contracts.pdp;
  const call = { address, abi, functionName: 'getPieceCid', args: [dataSetId, pieceId] } as const;
  const now = pieceCidFromBytes(hexToBytes((await readContract(client, call)).data));
  if (now !== undefined) return now;
  return pieceCidFromBytes(hexToBytes((await readContract(client, { ...call, blockNumber: epoch })).data));
}

/** The leaves that the challenge epoch drew, as `piece/leaf`; undefined if the node has forgotten that state. */
async function redraw(
  client: FocReader,
  dataSetId: bigint,
  count: number,
  provenAt: bigint,
): Promise<string[] | undefined> {
  const { address, abi } = client.chain.contracts.pdp;
  const pdp = { address, abi, blockNumber: provenAt - 1n } as const;
  const args = [dataSetId] as const;
  try {
    const challengeEpoch = await readContract(client, { ...pdp, functionName: 'getNextChallengeEpoch', args });
    const range = await readContract(client, { ...pdp, functionName: 'getChallengeRange', args });
    const seed = await readContract(client, { ...pdp, functionName: 'getRandomness', args: [challengeEpoch] });
    const leaves = Array.from({ length: count }, (_, i) => challengedLeaf(seed, dataSetId, i, range));
    const places = await readContract(client, { ...pdp, functionName: 'findPieceIds', args: [dataSetId, leaves] });
    return places.map(({ pieceId, offset }) => `${pieceId}/${offset}`);
  } catch {
    return undefined;
  }
}

function invalid(what: string): WeighbridgeError {
  return new WeighbridgeError('PROOF_INVALID', `the proof of possession does not hold: ${what}`, {
    next: 'Do not rely on this copy; tell the seller and the storage service.',
  });
}

function unproven(dataSetId: bigint): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', `data set ${dataSetId} was never proven`, {
    next: 'Wait for the end of its first proving period, then ask again.',
  });
}
