import * as Piece from '@filoz/synapse-core/piece';
import { Synapse } from '@filoz/synapse-sdk';
import { WeighbridgeError } from '../../../src/kernel/index.js';
import { MAX_PIECE_BYTES, MIN_PIECE_BYTES, type StoredPiece, type UploadSession } from '../../../src/storage/index.js';
import { parsePieceCid, type PieceCid } from '../piece-cid.js';
import { commitPieces, isListed } from './commit-piece.js';
import type { FocSigner } from './foc-client.js';
import { fundStorage } from './fund-storage.js';
import { holdsPiece, sendPiece } from './send-piece.js';
import { providerDown } from './storage-errors.js';

/** Marks our data sets: the SDK finds a payer's data set again by its metadata. */
const SOURCE = 'weighbridge';
const MAX_COMMITS = 3;
/** What one transaction carries at most. */
const PIECES_AT_ONCE = 40;

/** Runs one thing at a time. */
export type Lock = <T>(run: () => Promise<T>) => Promise<T>;

/**
 * Opens an upload. Every step looks first whether it was done: run again after a kill at any point, it transfers only
 * what the provider lacks and adds only what the chain does not list.
 * @param lock Money and data sets are one payer's: their steps run one after the other, transfers side by side
 */
export async function openSession(signer: FocSigner, lock: Lock, estimatedBytes: number): Promise<UploadSession> {
  // Money first: a payer without any learns it before a gigabyte is sent.
  const { serviceUrl } = await lock(async () => {
    const target = await resolveTarget(signer);
    await fundStorage(signer, target.synapse, target.context, estimatedBytes);
    return target;
  });
  return {
    holds: async (pieceCid) => {
      requirePieceCid(pieceCid);
      return holdsPiece(serviceUrl, pieceCid);
    },
    send: async (bytes, pieceCid, onProgress) => sendPiece(serviceUrl, bytes, pieceCid, onProgress),
    commit: async (pieces) => {
      pieces.forEach(checkPiece);
      // Always the same groups: a repeat asks for the same transactions, and the contract takes each once.
      for (let i = 0; i < pieces.length; i += PIECES_AT_ONCE) {
        await lock(() => list(signer, pieces.slice(i, i + PIECES_AT_ONCE)));
      }
    },
  };
}

interface Target {
  synapse: Synapse;
  context: Awaited<ReturnType<Synapse['storage']['createContexts']>>[number];
  serviceUrl: string;
}

/** A provider that answers, preferably the one that has the payer's data set. A new instance each time: the SDK's caches. */
async function resolveTarget(signer: FocSigner): Promise<Target> {
  const synapse = new Synapse({ client: signer, source: SOURCE });
  const [context] = await synapse.storage.createContexts({ copies: 1 });
  if (context === undefined) throw providerDown('No storage provider answers.');
  return { synapse, context, serviceUrl: context.provider.pdp.serviceURL };
}

/** Brings pieces on chain. A refusal may mean that an earlier attempt of ours got there first: look, and try again. */
async function list(signer: FocSigner, pieces: StoredPiece[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { synapse, context } = await resolveTarget(signer);
    const listed = await Promise.all(
      pieces.map(async ({ pieceCid }) => isListed(signer, context.dataSetId, Piece.parse(pieceCid))),
    );
    const missing = pieces.filter((_piece, i) => !listed[i]);
    if (missing.length === 0) return;
    if (attempt > MAX_COMMITS) throw providerDown('The provider says that the pieces are on chain, and they are not.');
    const missingBytes = missing.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    await fundStorage(signer, synapse, context, missingBytes);
    try {
      await commitPieces(
        signer,
        context,
        missing.map(({ pieceCid }) => Piece.parse(pieceCid)),
      );
    } catch (error) {
      if (attempt === MAX_COMMITS || !mayBeOurs(error)) throw error;
    }
  }
}

function mayBeOurs(error: unknown): boolean {
  if (error instanceof WeighbridgeError) return error.code === 'TRANSACTION_REVERTED';
  return error instanceof Error && error.message.includes('ClientDataSetAlreadyRegistered');
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
