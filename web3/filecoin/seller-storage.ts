import type { LocalAccount } from 'viem';
import type { Bytes32, Network } from '../../src/kernel/index.js';
import type { RepairPermit } from '../../src/storage/index.js';
import { firstThatAnswer, rankedProviders } from './store/choose-providers.js';
import { dataSetsOf } from './store/dataset-label.js';
import { endStorage, type EndedCopy } from './store/end-storage.js';
import { checkVersions, focReader, focSigner } from './store/foc-client.js';
import { deposit } from './store/fund-storage.js';
import { signRepairPermits } from './store/repair-permits.js';
import { openStorageSession } from './store/session-key.js';
import { asStorageError } from './store/storage-errors.js';

/** Spare providers that a permit is signed for at most. */
const SPARES = 5;

/** What a seller's wallet does about storage, beside publishing. */
export interface SellerStorage {
  /** Pays USDFC into the account at FilecoinPay. @throws WeighbridgeError NO_BALANCE */
  topUp(amountWei: bigint): Promise<void>;
  /** Has every copy of a dataset deleted and stops paying for it. May be repeated. */
  end(dataset: Bytes32): Promise<EndedCopy[]>;
  /**
   * Signs what lets a lost copy of these pieces be replaced while the wallet is away, with a session key that expires after
   * `validMs` and that nobody has once this call is over.
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
  return {
    topUp: async (amountWei) => call(async () => deposit(wallet, amountWei)),
    end: async (dataset) =>
      call(async () => {
        const ended: EndedCopy[] = [];
        for (const set of await dataSetsOf(reader, account.address, dataset)) ended.push(await endStorage(wallet, set));
        return ended;
      }),
    permitRepairs: async (dataset, pieceCids, validMs) =>
      call(async () => {
        const held = new Set((await dataSetsOf(reader, account.address, dataset)).map(({ providerId }) => providerId));
        const others = (await rankedProviders(reader, dataset)).filter(({ id }) => !held.has(id));
        const spares = await firstThatAnswer(others, SPARES);
        if (spares.length === 0) return [];
        const session = await openStorageSession(network, wallet, validMs);
        return signRepairPermits(session, dataset, pieceCids, spares);
      }),
  };
}
