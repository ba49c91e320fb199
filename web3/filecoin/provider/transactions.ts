import { BaseError, keccak256, parseEventLogs, type TransactionReceipt } from 'viem';
import type { Address, Hex } from '../../../src/kernel/index.js';
import { pdpVerifierAbi } from '../../chain/abi/pdp-verifier.js';
import type { ChainClient } from './chain-client.js';
import { Refusal } from './refusal.js';
import type { TransactionJournal, TransactionRecord } from './transaction-journal.js';

const RECEIPT_TIMEOUT_MS = 60_000;
/** The state may move between estimate and execution, and a new data set writes more slots than one that was seen. */
const GAS_MARGIN_PERCENT = 130n;

/** A call of a contract of the storage service. */
export interface ContractCall {
  to: Address;
  data: Hex;
  /** FIL that goes with it; what is above the fee comes back. */
  valueWei?: bigint;
}

export interface JournalledCall extends ContractCall {
  pieceCount: number;
  /** Names what it is for; the same request is served by the same transaction. */
  request: string;
}

/**
 * Sends calls to the contracts, one nonce after the other, and follows each to its receipt, over restarts too. A call is on
 * disk, signed, before it is sent: killed in between, the provider sends the same transaction again.
 */
export class Transactions {
  private tail: Promise<unknown> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly chain: ChainClient,
    private readonly journal: TransactionJournal,
    private readonly log: (message: string) => void,
  ) {}

  /** Takes up what was pending when the process ended, in the order of nonces. The chain may have forgotten it: send again. */
  async resume(): Promise<void> {
    for (const record of this.journal.pending().toSorted((a, b) => a.nonce - b.nonce)) {
      await this.broadcast(record);
      void this.follow(record);
    }
  }

  stop(): void {
    this.stopped = true;
  }

  /**
   * Sends a call, unless its request is being served already. Returns once it cannot be forgotten.
   * @throws Refusal 400 with the revert data if the contracts refuse it
   */
  async submit(call: JournalledCall): Promise<TransactionRecord> {
    // One at a time: the nonce is the next one only once the last transaction is sent.
    const turn = this.tail.then(() => this.journal.forRequest(call.request) ?? this.send(call));
    this.tail = turn.catch(() => {});
    return turn;
  }

  /** The gas of a call, if it were made now. @throws Refusal 400 with the revert data if the contracts refuse it */
  async rehearse({ to, data, valueWei = 0n }: ContractCall): Promise<bigint> {
    const { reader, account } = this.chain;
    return reader.estimateGas({ account, to, data, value: valueWei }).catch((error: unknown) => {
      throw asRefusal(error);
    });
  }

  private async send(call: JournalledCall): Promise<TransactionRecord> {
    const { reader, writer, account } = this.chain;
    const gas = await this.rehearse(call);
    const nonce = await reader.getTransactionCount({ address: account.address, blockTag: 'pending' });
    const limit = (gas * GAS_MARGIN_PERCENT) / 100n;
    const prepared = await writer.prepareTransactionRequest({
      to: call.to,
      data: call.data,
      value: call.valueWei ?? 0n,
      gas: limit,
      nonce,
    });
    const serialized = await writer.signTransaction(prepared);
    const record: TransactionRecord = {
      hash: keccak256(serialized),
      serialized,
      nonce,
      request: call.request,
      pieceCount: call.pieceCount,
      status: 'pending',
      pieceIds: [],
    };
    await this.journal.put(record);
    await this.broadcast(record);
    void this.follow(record);
    return record;
  }

  /** A failure here is no failure of the call: the transaction is on disk, and `follow` sends it again. */
  private async broadcast(record: TransactionRecord): Promise<void> {
    await this.chain.reader.sendRawTransaction({ serializedTransaction: record.serialized }).catch((error: unknown) => {
      this.log(`transaction ${record.hash} was not taken: ${shortReason(error)}`);
    });
  }

  private async follow(record: TransactionRecord): Promise<void> {
    const { reader } = this.chain;
    while (!this.stopped) {
      try {
        const receipt = await reader.waitForTransactionReceipt({ hash: record.hash, timeout: RECEIPT_TIMEOUT_MS });
        await this.settle(record, receipt);
        return;
      } catch (error) {
        if (this.stopped) return;
        this.log(`transaction ${record.hash} is not mined yet: ${shortReason(error)}`);
        if (await this.overtaken(record)) {
          await this.journal.put({ ...record, status: 'rejected' });
          return;
        }
        await this.broadcast(record);
      }
    }
  }

  private async settle(record: TransactionRecord, receipt: TransactionReceipt): Promise<void> {
    const events = parseEventLogs({ abi: pdpVerifierAbi, logs: receipt.logs });
    const created = events.find((event) => event.eventName === 'DataSetCreated');
    const added = events.find((event) => event.eventName === 'PiecesAdded');
    const dataSetId = (created ?? added)?.args.setId;
    await this.journal.put({
      ...record,
      status: receipt.status === 'success' ? 'confirmed' : 'rejected',
      ...(dataSetId === undefined ? {} : { dataSetId: dataSetId.toString() }),
      pieceIds: added?.args.pieceIds.map(Number) ?? [],
    });
    this.log(`transaction ${record.hash} ${receipt.status}, data set ${dataSetId ?? 'none'}, gas ${receipt.gasUsed}`);
  }

  /** Whether another transaction of ours was mined with this one's nonce: then this one never will be. */
  private async overtaken({ hash, nonce }: TransactionRecord): Promise<boolean> {
    const { reader, account } = this.chain;
    try {
      const mined = await reader.getTransactionCount({ address: account.address });
      return mined > nonce && (await reader.getTransaction({ hash }).catch(() => undefined)) === undefined;
    } catch {
      return false; // the chain does not answer: nothing is known
    }
  }
}

/**
 * The SDK reads the revert data out of the answer's text, in the form that Lotus gives it. Lotus' own message is passed on;
 * other nodes have the data apart from the message.
 */
function asRefusal(error: unknown): unknown {
  if (!(error instanceof BaseError)) return error;
  const lotus = /(?:vm error|revert reason)=\[.*?\]/.exec(error.message)?.[0];
  const revert = error.walk((cause) => cause instanceof Error && 'data' in cause && isHexData(cause.data));
  const reason = revert !== null && 'data' in revert ? `revert reason=[${String(revert.data)}]` : lotus;
  return reason === undefined ? error : new Refusal(400, `the contracts refuse this call: ${reason}`);
}

function isHexData(value: unknown): boolean {
  return typeof value === 'string' && /^0x[0-9a-f]{8,}$/i.test(value);
}

function shortReason(error: unknown): string {
  if (error instanceof BaseError) return error.shortMessage;
  return error instanceof Error ? error.message : String(error);
}
