import { bytesToHex, encodeFunctionData } from 'viem';
import type { Address } from '../../../../src/kernel/index.js';
import { pdpVerifierAbi } from '../../../chain/abi/pdp-verifier.js';
import { Refusal } from '../refusal.js';
import type { TransactionJournal } from '../transaction-journal.js';
import type { ContractCall, Transactions } from '../transactions.js';
import type { ProvingChain } from './chain-state.js';
import { nextStep, type ProvingStep } from './next-step.js';
import { PieceLost, type PieceTrees } from './piece-trees.js';

/** Transactions for one step at most: what the chain refuses so often it will refuse again. */
const MAX_ATTEMPTS = 3;
/** What a fault of the network delays a data set by. */
const RETRY_EPOCHS = 2n;
/** Settled proving transactions that are kept of each data set: more than the attempts at the two steps of a period. */
const KEPT = 8;

type DueStep = Exclude<ProvingStep, { kind: 'wait' }>;

interface Parts {
  chain: ProvingChain;
  pdp: Address;
  trees: PieceTrees;
  journal: TransactionJournal;
  transactions: Transactions;
  log: (message: string) => void;
}

/**
 * Proves every data set of this provider, every proving period. What is due follows from the chain alone, and what was sent for it
 * from the journal: killed anywhere and started again, it goes on, and sends nothing twice.
 */
export class Prover {
  /** Epoch before which a data set has nothing to do. */
  private readonly dueAt = new Map<bigint, bigint>();

  constructor(private readonly parts: Parts) {}

  /** Looks once at what is due. @throws if the chain is away */
  async pass(): Promise<void> {
    const epoch = await this.parts.chain.epoch();
    for (const dataSetId of this.parts.journal.dataSetIds()) {
      if (epoch < (this.dueAt.get(dataSetId) ?? 0n)) continue;
      this.dueAt.set(dataSetId, await this.step(dataSetId, epoch));
    }
  }

  /** Does the next step for a data set. @returns the epoch to look again */
  private async step(dataSetId: bigint, epoch: bigint): Promise<bigint> {
    const { chain, journal, log } = this.parts;
    if (journal.pending().some(({ request }) => request.startsWith(prefixOf(dataSetId)))) return epoch;
    const state = await chain.stateOf(dataSetId, epoch);
    if (state === undefined) return epoch + 1_000n;
    const step = nextStep(state);
    if (step.kind === 'wait') return step.untilEpoch;
    try {
      const request = this.requestFor(dataSetId, step, epoch / state.periodEpochs);
      if (request === undefined) return (step.kind === 'prove' ? state.deadline : epoch) + RETRY_EPOCHS;
      const call = await this.callFor(dataSetId, step);
      await this.parts.transactions.submit({ ...call, pieceCount: 0, request });
      await this.prune(dataSetId);
      return epoch;
    } catch (error) {
      if (!(error instanceof PieceLost || error instanceof Refusal)) throw error;
      log(`data set ${dataSetId}: cannot ${step.kind} at epoch ${epoch}: ${error.message}`);
      return epoch + RETRY_EPOCHS;
    }
  }

  private async callFor(dataSetId: bigint, step: DueStep): Promise<ContractCall> {
    const { chain, pdp, trees } = this.parts;
    if (step.kind === 'begin') {
      const args = [dataSetId, step.challengeEpoch, '0x'] as const;
      return { to: pdp, data: encodeFunctionData({ abi: pdpVerifierAbi, functionName: 'nextProvingPeriod', args }) };
    }
    const { challenges, feeWei } = await chain.challengesOf(dataSetId, step.challengeEpoch);
    const proofs = [];
    for (const { piece, leafIndex } of challenges) {
      const { leaf, proof } = await trees.prove(piece, leafIndex);
      proofs.push({ leaf: bytesToHex(leaf), proof: proof.map((node) => bytesToHex(node)) });
    }
    const data = encodeFunctionData({
      abi: pdpVerifierAbi,
      functionName: 'provePossession',
      args: [dataSetId, proofs],
    });
    return { to: pdp, data, valueWei: feeWei };
  }

  /** The name of the step's next attempt; undefined once there were too many of them in this span of a period's length. */
  private requestFor(dataSetId: bigint, step: DueStep, span: bigint): string | undefined {
    const of = step.kind === 'prove' ? step.challengeEpoch : `${step.lastDeadline}/${span}`;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const request = `${prefixOf(dataSetId)}${step.kind}/${of}/${attempt}`;
      if (this.parts.journal.last(request) === undefined) return request;
    }
    return undefined;
  }

  private async prune(dataSetId: bigint): Promise<void> {
    const { journal } = this.parts;
    const settled = journal
      .all()
      .filter(({ request, status }) => status !== 'pending' && request.startsWith(prefixOf(dataSetId)));
    const old = settled.toSorted((a, b) => b.nonce - a.nonce).slice(KEPT);
    for (const record of old) await journal.forget(record);
  }
}

const prefixOf = (dataSetId: bigint): string => `proving/${dataSetId}/`;
