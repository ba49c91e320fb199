import { WeighbridgeError, type Bytes32, type Network } from '../../../src/kernel/index.js';
import {
  MAX_PIECE_BYTES,
  MIN_PIECE_BYTES,
  type CopyRef,
  type StoredPiece,
  type UploadSession,
} from '../../../src/storage/index.js';
import { parsePieceCid, type PieceCid } from '../piece-cid.js';
import { chooseCopies } from './choose-copies.js';
import type { Provider } from './choose-providers.js';
import { dataSetsOf } from './dataset-label.js';
import type { FocSigner } from './foc-client.js';
import { fundCopies } from './fund-storage.js';
import { listCopy } from './list-copy.js';
import { PIECES_PER_CALL } from './repair-permits.js';
import { holdsPiece, sendPiece } from './send-piece.js';
import type { StorageSigner } from './session-key.js';
import { providerDown } from './storage-errors.js';

/** Runs one thing at a time. */
export type Lock = <T>(run: () => Promise<T>) => Promise<T>;

export interface UploadOptions {
  network: Network;
  /** Pays, and lets the session key sign. */
  wallet: FocSigner;
  /** Signs for data sets and pieces, and nothing else. */
  session(): Promise<StorageSigner>;
  /** Whose copies they are; its data sets carry its label. */
  dataset: Bytes32 | undefined;
  /** How many providers are to hold every piece. */
  copies: number;
  /** Money and data sets are one payer's: their steps run one after the other, transfers side by side. */
  lock: Lock;
}

/**
 * Opens an upload. Every step looks first whether it was done: run again after a kill at any point, it transfers only
 * what a provider lacks and adds only what the chain does not list.
 */
export async function openSession(options: UploadOptions, estimatedBytes: number): Promise<UploadSession> {
  const { wallet, dataset, copies, lock } = options;
  // Money first: a payer without any learns it before a gigabyte is sent.
  const { chosen, spares } = await lock(async () => {
    const choice = await chooseCopies(wallet, dataset, copies);
    const growth = choice.chosen.map(({ dataSetId }) => ({ dataSetId, addedBytes: estimatedBytes }));
    await fundCopies(wallet, growth);
    return choice;
  });
  const signer = options.session();
  signer.catch(() => undefined); // commit hears of it
  const [first, ...others] = chosen.map(({ provider }) => provider);
  if (first === undefined) throw providerDown('No storage provider answers.');
  return {
    holds: async (pieceCid) => {
      requirePieceCid(pieceCid);
      return holdsPiece(first.serviceUrl, pieceCid);
    },
    send: async (bytes, pieceCid, onProgress) => sendPiece(first.serviceUrl, bytes, pieceCid, onProgress),
    commit: async (pieces) => {
      pieces.forEach(checkPiece);
      await lock(async () => fund(options, [first, ...others], pieces));
      const session = await signer;
      // Always the same groups: a repeat asks for the same transactions, and the contract takes each once.
      const groups = groupsOf(pieces.map(({ pieceCid }) => pieceCid));
      return lock(async () => {
        const all = [copyAt(session, first, undefined), ...others.map((provider) => copyAt(session, provider, first))];
        return Promise.all(all.map(async (copy) => copy()));
      });

      function copyAt(by: StorageSigner, provider: Provider, source: Provider | undefined) {
        return async (): Promise<CopyRef> => {
          const list = async (at: Provider): Promise<CopyRef> =>
            listCopy(by, { dataset, provider: at, sourceUrl: source?.serviceUrl }, groups);
          if (source === undefined) return list(provider);
          return list(provider).catch(async (error: unknown) => elsewhere(list, error));
        };
      }

      /** A second provider that fails is replaced by a spare one, each of which is taken once. */
      async function elsewhere(list: (at: Provider) => Promise<CopyRef>, error: unknown): Promise<CopyRef> {
        const spare = spares.shift();
        if (spare === undefined) throw error;
        await fund(options, [spare], pieces);
        return list(spare).catch(async (next: unknown) => elsewhere(list, next));
      }
    },
  };
}

/** Pays in what these copies lack still: nothing, if the estimate was right. */
async function fund({ wallet, dataset }: UploadOptions, providers: Provider[], pieces: StoredPiece[]): Promise<void> {
  const sets = await dataSetsOf(wallet, wallet.account.address, dataset);
  const addedBytes = pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const growth = providers.map(({ id }) => ({
    dataSetId: sets.find((set) => set.providerId === id && set.endEpoch === 0n)?.dataSetId,
    addedBytes,
  }));
  await fundCopies(wallet, growth);
}

function groupsOf(pieceCids: string[]): string[][] {
  const groups: string[][] = [];
  for (let i = 0; i < pieceCids.length; i += PIECES_PER_CALL) groups.push(pieceCids.slice(i, i + PIECES_PER_CALL));
  return groups;
}

/** @throws WeighbridgeError BAD_INPUT, TOO_LARGE */
function checkPiece({ pieceCid, sizeBytes }: StoredPiece): void {
  if (requirePieceCid(pieceCid).sizeBytes !== sizeBytes || sizeBytes < MIN_PIECE_BYTES) throw notACid(pieceCid);
  if (sizeBytes <= MAX_PIECE_BYTES) return;
  throw new WeighbridgeError('TOO_LARGE', `a piece of ${sizeBytes} bytes; Filecoin takes ${MAX_PIECE_BYTES}`, {
    next: 'Split the data into smaller pieces.',
  });
}

function requirePieceCid(pieceCid: string): PieceCid {
  const parsed = parsePieceCid(pieceCid);
  if (parsed === undefined) throw notACid(pieceCid);
  return parsed;
}

function notACid(pieceCid: string): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', `"${pieceCid}" is not the piece CID of these bytes`, {
    next: `Take the piece CID (version 2) of the ciphertext; a piece has at least ${MIN_PIECE_BYTES} bytes.`,
  });
}
