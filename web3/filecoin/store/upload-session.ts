import { WeighbridgeError, type Bytes32, type Network } from '../../../src/kernel/index.js';
import {
  MAX_PIECE_BYTES,
  MIN_PIECE_BYTES,
  type CopyRef,
  type StepTimer,
  type StoredPiece,
  type UploadSession,
} from '../../../src/storage/index.js';
import { parsePieceCid, type PieceCid } from '../piece-cid.js';
import { chooseCopies, type ChosenCopies } from './choose-copies.js';
import type { Provider } from './choose-providers.js';
import { dataSetsOf } from './dataset-label.js';
import type { FocSigner } from './foc-client.js';
import { paymentFor } from './fund-storage.js';
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
  /** Signs for data sets and pieces, and nothing else; the same until it ends. */
  session(): Promise<StorageSigner>;
  /** Whose copies they are; its data sets carry its label. */
  dataset: Bytes32 | undefined;
  /** How many providers are to hold every piece. */
  copies: number;
  /** Money and data sets are one payer's: their steps run one after the other, transfers side by side. */
  lock: Lock;
  /** Told how long each wait for the chain and for the second copy takes. */
  time: StepTimer;
}

/**
 * Opens an upload. Every step looks first whether it was done: run again after a kill at any point, it transfers only
 * what a provider lacks and adds only what the chain does not list.
 */
export async function openSession(options: UploadOptions, estimatedBytes: number): Promise<UploadSession> {
  const { dataset, lock, time } = options;
  const { choice, paid } = chooseAndPay(options, estimatedBytes);
  let unpaid: { error: unknown } | undefined;
  paid.catch((error: unknown) => (unpaid = { error }));
  const { chosen, spares } = await choice;
  const signer = time('chain: session key', options.session);
  signer.catch(() => undefined); // commit hears of it
  const [first, ...others] = chosen.map(({ provider }) => provider);
  if (first === undefined) throw providerDown('No storage provider answers.');
  return {
    holds: async (pieceCid) => {
      requirePieceCid(pieceCid);
      return holdsPiece(first.serviceUrl, pieceCid);
    },
    send: async (bytes, pieceCid, onProgress) => {
      if (unpaid !== undefined) throw unpaid.error;
      await sendPiece(first.serviceUrl, bytes, pieceCid, onProgress);
    },
    commit: async (pieces) => {
      pieces.forEach(checkPiece);
      await paid;
      await lock(async () => fund(options, [first, ...others], pieces));
      await signer;
      // That was when the upload began: at a slow line its key may have come to its end since.
      const session = await options.session();
      // Always the same groups: a repeat asks for the same transactions, and the contract takes each once.
      const groups = groupsOf(pieces.map(({ pieceCid }) => pieceCid));
      return lock(async () => {
        return Promise.all([first, ...others].map(async (provider, i) => copyAt(session, provider, i)));
      });

      async function copyAt(by: StorageSigner, provider: Provider, i: number): Promise<CopyRef> {
        const timed: StepTimer = async (step, work) => time(`copy ${i + 1}: ${step}`, work);
        const source = provider === first ? {} : { sourceUrl: first?.serviceUrl };
        const list = async (at: Provider): Promise<CopyRef> =>
          listCopy(by, { dataset, provider: at, time: timed, ...source }, groups);
        if (provider === first) return list(provider);
        return list(provider).catch(async (error: unknown) => elsewhere(list, error));
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

/**
 * Money first: a payer without any learns it before a gigabyte is sent. Whoever has it need not wait for the block that it is
 * paid in with: until the pieces come on chain, nobody asks for it.
 */
function chooseAndPay(
  { wallet, dataset, copies, lock, time }: UploadOptions,
  estimatedBytes: number,
): { choice: Promise<ChosenCopies>; paid: Promise<void> } {
  let tell: (choice: ChosenCopies) => void = () => undefined;
  const told = new Promise<ChosenCopies>((resolve) => (tell = resolve));
  const paid = lock(async () => {
    const choice = await chooseCopies(wallet, dataset, copies);
    const growth = choice.chosen.map(({ dataSetId }) => ({ dataSetId, addedBytes: estimatedBytes }));
    const pay = await paymentFor(wallet, growth);
    tell(choice);
    await time('chain: deposit', pay);
  });
  return { choice: Promise.race([told, paid.then(async () => told)]), paid };
}

/** Pays in what these copies lack still: nothing, if the estimate was right. */
async function fund({ wallet, dataset }: UploadOptions, providers: Provider[], pieces: StoredPiece[]): Promise<void> {
  const sets = await dataSetsOf(wallet, wallet.account.address, dataset);
  const addedBytes = pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const growth = providers.map(({ id }) => ({
    dataSetId: sets.find((set) => set.providerId === id && set.endEpoch === 0n)?.dataSetId,
    addedBytes,
  }));
  const pay = await paymentFor(wallet, growth);
  await pay();
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
