import type { LocalAccount } from 'viem';
import { WeighbridgeError, type Bytes32, type Network } from '../../src/kernel/index.js';
import { COPIES, type PieceStore, type StepTimer, type VerifiedParts } from '../../src/storage/index.js';
import { copiesFinder, downloadPiece, readBlocks, readPart } from './store/download-piece.js';
import type { Suspects } from './store/fetch-piece.js';
import type { SlowProviders } from './store/fetch-ranges.js';
import { hashHere, type FileHashing } from './store/file-hash.js';
import { checkVersions, focReader, focSigner, type FocSigner } from './store/foc-client.js';
import { openStorageSession, type StorageSigner } from './store/session-key.js';
import { asStorageError } from './store/storage-errors.js';
import { openSession, type Lock } from './store/upload-session.js';

export interface PieceStoreOptions {
  network: Network;
  /** Pays for storage. Reading needs none. */
  account?: LocalAccount;
  /** The dataset that is stored: each has data sets of its own. */
  dataset?: Bytes32;
  /** How many providers are to hold every piece. */
  copies?: number;
  /** Where downloads are hashed. A worker gives a thread. */
  hashing?: FileHashing;
  /** Told how long an upload waits for the chain and for the second copy. */
  time?: StepTimer;
}

/** How long what the uploader signs is good for; nobody has its key once the process has ended. */
const SESSION_MS = 24 * 60 * 60_000;
/** A key that is good for less than this is not signed with: its signatures have to come on chain before its end. */
const LEAST_SESSION_MS = 60 * 60_000;

/**
 * Storage on Filecoin Onchain Cloud. This folder is the one place that touches the SDK. Versions are compared before the
 * first use, and not again.
 * @throws WeighbridgeError WRONG_CHAIN for a network that the SDK does not know
 */
export function createPieceStore(options: PieceStoreOptions): PieceStore & VerifiedParts {
  const { network, account, dataset, copies = COPIES, hashing = hashHere, time = untimed } = options;
  const reader = focReader(network);
  const signer = account && focSigner(network, account);
  const lock = oneAtATime();
  let signing: Promise<StorageSigner> | undefined;
  const session = async (wallet: FocSigner): Promise<StorageSigner> => {
    const before = signing;
    // Another caller may have opened the next one meanwhile.
    if (before !== undefined && endsSoon(await before) && signing === before) signing = undefined;
    signing ??= openStorageSession(network, wallet, SESSION_MS);
    signing.catch(() => (signing = undefined));
    return signing;
  };
  const suspects: Suspects = new Set();
  const slow: SlowProviders = new Set();
  const known = { copiesOf: copiesFinder(reader, suspects), suspects, slow };
  const ready = async (): Promise<void> => checkVersions(network, reader);

  return {
    open: async (estimatedBytes) =>
      storing(async () => {
        await ready();
        const wallet = requireSigner(signer);
        const paying = { network, wallet, session: async () => session(wallet), dataset, copies, lock, time };
        const upload = await openSession(paying, estimatedBytes);
        return {
          holds: async (pieceCid) => storing(async () => upload.holds(pieceCid)),
          send: async (...piece) => storing(async () => upload.send(...piece)),
          commit: async (pieces) => storing(async () => upload.commit(pieces)),
        };
      }),
    part: async (pieceCid, from, to) =>
      storing(async () => {
        await ready();
        return readPart(known, pieceCid, from, to);
      }),
    blocks: (pieceCid, roots, runs, signal) =>
      reading(() => readBlocks(known, pieceCid, { roots, runs }, signal), signal),
    download: (pieceCid, signal, onProgress) =>
      reading(() => downloadPiece({ ...known, hashing }, pieceCid, signal, onProgress), signal),
  };

  async function* reading(
    open: () => AsyncIterable<Uint8Array>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    try {
      await ready();
      yield* open();
    } catch (error) {
      throw signal?.aborted === true ? error : asStorageError(error);
    }
  }
}

function endsSoon({ validUntil }: StorageSigner): boolean {
  return Number(validUntil) * 1_000 - Date.now() < LEAST_SESSION_MS;
}

async function untimed<T>(_step: string, work: () => Promise<T>): Promise<T> {
  return work();
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
