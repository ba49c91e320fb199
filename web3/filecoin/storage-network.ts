import type { Address, Bytes32, Network } from '../../src/kernel/index.js';
import type { CopyState, StorageAccount, StorageNetwork, VerifiedProof } from '../../src/storage/index.js';
import { accountOf, stateOfCopy, stateOfEnded } from './store/copy-state.js';
import { dataSetsOf, notListed } from './store/dataset-label.js';
import { checkVersions, focReader } from './store/foc-client.js';
import { readCopy, type CopyReading } from './store/read-copy.js';
import { repairCopy } from './store/repair-copy.js';
import { holdsPiece } from './store/send-piece.js';
import { asStorageError } from './store/storage-errors.js';
import { verifyLastProof } from './store/verify-proof.js';

/** Storage as anyone may look at it, and the proofs of possession that the chain holds. Needs no key. */
export interface FilecoinNetwork extends StorageNetwork {
  /** @throws WeighbridgeError PROOF_INVALID; BAD_INPUT for a copy that was never proven */
  verifyLastProof(dataSetId: number): Promise<VerifiedProof>;
}

/** @throws WeighbridgeError WRONG_CHAIN for a network that the SDK does not know */
export function createStorageNetwork({ network }: { network: Network }): FilecoinNetwork {
  const reader = focReader(network);
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      await checkVersions(network, reader);
      return await work();
    } catch (error) {
      throw asStorageError(error);
    }
  };

  return {
    copiesOf: async (payer: Address, dataset: Bytes32, pieceCids: string[] = []): Promise<CopyState[]> =>
      call(async () => {
        const sets = (await dataSetsOf(reader, payer, dataset)).filter(({ endEpoch }) => endEpoch === 0n);
        const copies: CopyState[] = [];
        for (const set of sets) {
          if ((await notListed(reader, set.dataSetId, pieceCids)).length > 0) continue;
          copies.push(await stateOfCopy(reader, set));
        }
        return copies;
      }),
    endedCopiesOf: async (payer, dataset) =>
      call(async () => {
        const sets = (await dataSetsOf(reader, payer, dataset)).filter(({ endEpoch }) => endEpoch !== 0n);
        return Promise.all(sets.map(async (set) => stateOfEnded(reader, set)));
      }),
    presence: async (copy, pieceCids) => {
      try {
        for (const pieceCid of pieceCids) if (!(await holdsPiece(copy.serviceUrl, pieceCid))) return 'missing';
        return 'held';
      } catch {
        return 'silent';
      }
    },
    sample: async (copy, pieceCid): Promise<CopyReading> => readCopy(copy.serviceUrl, pieceCid),
    accountOf: async (payer): Promise<StorageAccount> => call(async () => accountOf(reader, payer)),
    repair: async (permit, sources) => call(async () => Number(await repairCopy(reader, permit, sources))),
    verifyLastProof: async (dataSetId) => call(async () => verifyLastProof(reader, BigInt(dataSetId))),
  };
}
