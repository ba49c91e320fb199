import { hexToBytes } from 'viem';
import type { Network } from '../../../../src/kernel/index.js';
import { filecoinWarmStorageServiceStateViewAbi } from '../../../chain/abi/filecoin-warm-storage-service-state-view.js';
import { pdpVerifierAbi } from '../../../chain/abi/pdp-verifier.js';
import { pieceCidFromBytes, type PieceCid } from '../../piece-cid.js';
import { challengedLeaf } from '../../possession.js';
import type { ChainClient } from '../chain-client.js';
import type { ProvingState } from './next-step.js';

/** A leaf that the chain drew. */
export interface Challenge {
  piece: PieceCid;
  leafIndex: number;
}

/** What the proving loop reads of the chain. */
export class ProvingChain {
  constructor(
    private readonly chain: ChainClient,
    private readonly network: Network,
  ) {}

  async epoch(): Promise<bigint> {
    return this.chain.reader.getBlockNumber({ cacheTime: 0 });
  }

  /** Undefined for a data set that is no more. */
  async stateOf(dataSetId: bigint, epoch: bigint): Promise<ProvingState | undefined> {
    const { pdp, view } = this.contracts();
    const args = [dataSetId] as const;
    const live = await this.chain.reader.readContract({ ...pdp, functionName: 'dataSetLive', args });
    if (!live) return undefined;
    const [leafCount, challengeEpoch, finalityEpochs, deadline, provenThisPeriod, activation, config] =
      await this.chain.reader.multicall({
        allowFailure: false,
        contracts: [
          { ...pdp, functionName: 'getDataSetLeafCount', args },
          { ...pdp, functionName: 'getNextChallengeEpoch', args },
          { ...pdp, functionName: 'getChallengeFinality' },
          { ...view, functionName: 'provingDeadline', args },
          { ...view, functionName: 'provenThisPeriod', args },
          { ...view, functionName: 'provingActivationEpoch', args },
          { ...view, functionName: 'getPDPConfig' },
        ],
      });
    const [periodEpochs, windowEpochs] = config;
    return {
      epoch,
      leafCount,
      challengeEpoch,
      finalityEpochs,
      deadline,
      provenThisPeriod,
      activation,
      periodEpochs,
      windowEpochs,
    };
  }

  /** The leaves that an epoch's randomness draws, as PDPVerifier draws them, and FIL that their proof burns. */
  async challengesOf(dataSetId: bigint, epoch: bigint): Promise<{ challenges: Challenge[]; feeWei: bigint }> {
    const { pdp, view } = this.contracts();
    const [seed, range, feeWei, [, , count]] = await this.chain.reader.multicall({
      allowFailure: false,
      contracts: [
        { ...pdp, functionName: 'getRandomness', args: [epoch] },
        { ...pdp, functionName: 'getChallengeRange', args: [dataSetId] },
        { ...pdp, functionName: 'calculateProofFee', args: [dataSetId] },
        { ...view, functionName: 'getPDPConfig' },
      ],
    });
    const leaves = Array.from({ length: Number(count) }, (_, i) => challengedLeaf(seed, dataSetId, i, range));
    const args = [dataSetId, leaves] as const;
    const places = await this.chain.reader.readContract({ ...pdp, functionName: 'findPieceIds', args });
    const cids = await this.chain.reader.multicall({
      allowFailure: false,
      contracts: places.map(
        ({ pieceId }) => ({ ...pdp, functionName: 'getPieceCid', args: [dataSetId, pieceId] }) as const,
      ),
    });
    const challenges = places.map(({ offset }, i) => {
      const piece = pieceCidFromBytes(hexToBytes(cids[i]?.data ?? '0x'));
      if (piece === undefined) throw new Error(`data set ${dataSetId} holds a piece whose CID is none`);
      return { piece, leafIndex: Number(offset) };
    });
    return { challenges, feeWei };
  }

  private contracts() {
    const { contracts } = this.network;
    return {
      pdp: { address: contracts.pdp, abi: pdpVerifierAbi },
      view: { address: contracts.fwssView, abi: filecoinWarmStorageServiceStateViewAbi },
    } as const;
  }
}
