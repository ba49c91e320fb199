import type { LocalAccount } from 'viem';
import type { Bytes32, Network } from '../../src/kernel/index.js';
import { COPIES, type RepairPermit } from '../../src/storage/index.js';
import { countProviders, firstThatAnswer, rankedProviders } from './store/choose-providers.js';
import { dataSetsOf } from './store/dataset-label.js';
import { endStorage, type EndedCopy } from './store/end-storage.js';
import { checkVersions, focReader, focSigner } from './store/foc-client.js';
import { deposit, payOut } from './store/fund-storage.js';
import { signRepairPermits } from './store/repair-permits.js';
import { settleEnded } from './store/settle-ended.js';
import { openStorageSession, type StorageSigner } from './store/session-key.js';
import { asStorageError } from './store/storage-errors.js';

/** Spare providers that a permit is signed for at most. */
const SPARES = 5;

/** What a seller's wallet does about storage, beside publishing. */
export interface SellerStorage {
  /** Finds out beforehand what every other call does first: whether chain and contracts are those that this code knows. */
  ready(): Promise<void>;
  /** Pays USDFC into the account at FilecoinPay. @throws WeighbridgeError NO_BALANCE */
  topUp(amountWei: bigint): Promise<void>;
  /**
   * Settles rails that are past their ends and that their providers have not settled: what was held for them is free again.
   * @returns how many; may be repeated
   */
  settleEnded(): Promise<number>;
  /** Pays what is free of it back to the wallet. @throws WeighbridgeError NO_BALANCE */
  withdraw(amountWei: bigint): Promise<void>;
  /** Has every copy of a dataset deleted and stops paying for it. May be repeated. */
  end(dataset: Bytes32): Promise<EndedCopy[]>;
  /** Does beforehand what `permitRepairs` would wait for on chain, if there is a spare provider to permit anything. */
  prepareRepairs(validMs: number): Promise<void>;
  /**
   * Signs what lets a lost copy of these pieces be replaced while the wallet is away, with a session key that expires after
   * `validMs` and that is used for nothing else.
   */
  permitRepairs(dataset: Bytes32, pieceCids: string[], validMs: number): Promise<RepairPermit[]>;
}

/** @throws WeighbridgeError WRONG_CHAIN for a network that the SDK does not know */
export function createSellerStorage({ network, account }: { network: Network; account: LocalAccount }): SellerStorage {
  const reader = focReader(network);
  const wallet = focSigner(network, account);
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      await checkVersions(network, reader);
      return await work();
    } catch (error) {
      throw asStorageError(error);
    }
  };
  /** The key of `prepareRepairs`; taken by the one call that it was made for. */
  let prepared: { validMs: number; session: Promise<StorageSigner> } | undefined;
  const take = async (validMs: number): Promise<StorageSigner> => {
    const ready = prepared?.validMs === validMs ? prepared.session : undefined;
    prepared = undefined;
    return ready ?? openStorageSession(network, wallet, validMs);
  };
  return {
    ready: async () => call(async () => undefined),
    topUp: async (amountWei) => call(async () => deposit(wallet, amountWei)),
    settleEnded: async () => call(async () => settleEnded(wallet)),
    withdraw: async (amountWei) => call(async () => payOut(wallet, amountWei)),
    end: async (dataset) =>
      call(async () => {
        const ended: EndedCopy[] = [];
        for (const set of await dataSetsOf(reader, account.address, dataset)) ended.push(await endStorage(wallet, set));
        return ended;
      }),
    prepareRepairs: async (validMs) =>
      call(async () => {
        // Those that hold the dataset are not spare.
        if ((await countProviders(reader)) <= COPIES) return;
        prepared = { validMs, session: openStorageSession(network, wallet, validMs) };
        await prepared.session;
      }),
    permitRepairs: async (dataset, pieceCids, validMs) =>
      call(async () => {
        const held = new Set((await dataSetsOf(reader, account.address, dataset)).map(({ providerId }) => providerId));
        const others = (await rankedProviders(reader, dataset)).filter(({ id }) => !held.has(id));
        const spares = await firstThatAnswer(others, SPARES);
        if (spares.length === 0) return [];
        return signRepairPermits(await take(validMs), dataset, pieceCids, spares);
      }),
  };
}
