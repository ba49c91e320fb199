import { encodeFunctionData } from 'viem';
import type { Network } from '../../../src/kernel/index.js';
import { filecoinPayAbi } from '../../chain/abi/filecoin-pay.js';
import { filecoinWarmStorageServiceStateViewAbi } from '../../chain/abi/filecoin-warm-storage-service-state-view.js';
import type { ChainClient } from './chain-client.js';
import { payDue, type RailState } from './pay-due.js';
import { Refusal } from './refusal.js';
import type { TransactionJournal } from './transaction-journal.js';
import type { Transactions } from './transactions.js';

interface Parts {
  network: Network;
  chain: ChainClient;
  journal: TransactionJournal;
  transactions: Transactions;
  log: (message: string) => void;
}

/**
 * Collects what the rails of this provider's data sets have earned: FilecoinPay moves nothing by itself. The end of a terminated
 * rail is settled too, which gives its client back what was locked and not earned.
 */
export class PayCollector {
  /** Data sets whose rails were settled to their ends. */
  private readonly done = new Set<bigint>();

  constructor(private readonly parts: Parts) {}

  /** Settles each rail that has a period's pay to give. @throws if the chain is away */
  async collect(): Promise<void> {
    const { chain, journal } = this.parts;
    const epoch = await chain.reader.getBlockNumber({ cacheTime: 0 });
    for (const dataSetId of journal.dataSetIds()) {
      const rail = this.done.has(dataSetId) ? undefined : await this.railOf(dataSetId);
      const untilEpoch = rail && payDue(rail, epoch);
      if (rail === undefined || untilEpoch === undefined) continue;
      // What the service does not grant yet is asked for again a period later, not in every round.
      const prefix = `pay/${rail.railId}/`;
      const request = `${prefix}${epoch / rail.periodEpochs}`;
      if (journal.last(request) === undefined) await this.settle(rail.railId, untilEpoch, request);
      await this.prune(prefix, request);
    }
  }

  private async settle(railId: bigint, untilEpoch: bigint, request: string): Promise<void> {
    const { network, transactions, log } = this.parts;
    const args = [railId, untilEpoch] as const;
    const data = encodeFunctionData({ abi: filecoinPayAbi, functionName: 'settleRail', args });
    try {
      await transactions.submit({ to: network.contracts.filecoinPay, data, pieceCount: 0, request });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      log(`rail ${railId} cannot be settled at epoch ${untilEpoch}: ${error.message}`);
    }
  }

  /** Undefined for a rail that was settled to its end. */
  private async railOf(dataSetId: bigint): Promise<RailState | undefined> {
    const { chain, network } = this.parts;
    const view = { address: network.contracts.fwssView, abi: filecoinWarmStorageServiceStateViewAbi } as const;
    const [{ pdpRailId: railId }, [periodEpochs]] = await chain.reader.multicall({
      allowFailure: false,
      contracts: [
        { ...view, functionName: 'getDataSet', args: [dataSetId] },
        { ...view, functionName: 'getPDPConfig' },
      ],
    });
    const pay = { address: network.contracts.filecoinPay, abi: filecoinPayAbi } as const;
    const contracts = [{ ...pay, functionName: 'getRail', args: [railId] }] as const;
    const [rail] = await chain.reader.multicall({ contracts });
    if (rail.status !== 'success') {
      this.done.add(dataSetId);
      return undefined;
    }
    const { settledUpTo, endEpoch, paymentRate } = rail.result;
    return { railId, settledUpTo, endEpoch, paymentRate, periodEpochs };
  }

  private async prune(prefix: string, last: string): Promise<void> {
    const { journal } = this.parts;
    const old = journal
      .all()
      .filter(({ request, status }) => status !== 'pending' && request !== last && request.startsWith(prefix));
    for (const record of old) await journal.forget(record);
  }
}
