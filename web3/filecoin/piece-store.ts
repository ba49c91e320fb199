import type { LocalAccount } from 'viem';
import { WeighbridgeError, type Network } from '../../src/kernel/index.js';
import type { PieceStore } from '../../src/storage/index.js';
import { downloadPiece, type Suspects } from './store/download-piece.js';
import { checkVersions, focReader, focSigner, type FocSigner } from './store/foc-client.js';
import { asStorageError } from './store/storage-errors.js';
import { openSession, type Lock } from './store/upload-session.js';

export interface PieceStoreOptions {
  network: Network;
  /** Pays for storage and signs for its data set. Reading needs none. */
  account?: LocalAccount;
}

/**
 * Storage on Filecoin Onchain Cloud. This folder is the one place that touches the SDK. Versions are compared before the
 * first use, and not again.
 * @throws WeighbridgeError WRONG_CHAIN for a network that the SDK does not know
 */
export function createPieceStore({ network, account }: PieceStoreOptions): PieceStore {
  const reader = focReader(network);
  const signer = account && focSigner(network, account);
  const lock = oneAtATime();
  const suspects: Suspects = new Set();
  let checked: Promise<void> | undefined;
  const ready = async (): Promise<void> => {
    checked ??= checkVersions(network, reader);
    await checked.catch((error: unknown) => {
      checked = undefined; // the chain may only have been away
      throw error;
    });
  };

  return {
    open: async (estimatedBytes) =>
      storing(async () => {
        await ready();
        const session = await openSession(requireSigner(signer), lock, estimatedBytes);
        return {
          holds: async (pieceCid) => storing(async () => session.holds(pieceCid)),
          send: async (...piece) => storing(async () => session.send(...piece)),
          commit: async (pieces) => storing(async () => session.commit(pieces)),
        };
      }),
    async *download(pieceCid, signal) {
      try {
        await ready();
        yield* downloadPiece(reader, suspects, pieceCid, signal);
      } catch (error) {
        throw signal?.aborted === true ? error : asStorageError(error);
      }
    },
  };
}

async function storing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asStorageError(error);
  }
}

function requireSigner(signer: FocSigner | undefined): FocSigner {
  if (signer) return signer;
  throw new WeighbridgeError('CONFIG_INVALID', 'this piece store has no account to pay with', {
    next: 'Give the key of the account that pays for storage.',
  });
}

function oneAtATime(): Lock {
  let tail: Promise<unknown> = Promise.resolve();
  return async (run) => {
    const turn = tail.then(run);
    tail = turn.catch(() => {});
    return turn;
  };
}
