import { stat } from 'node:fs/promises';
import * as Piece from '@filoz/synapse-core/piece';
import { Synapse } from '@filoz/synapse-sdk';
import { WeighbridgeError } from '../../../src/kernel/index.js';
import { MAX_PIECE_BYTES, MIN_PIECE_BYTES, type StoredPiece } from '../../../src/storage/index.js';
import { parsePieceCid } from '../piece-cid.js';
import { commitPiece, isListed } from './commit-piece.js';
import type { FocSigner } from './foc-client.js';
import { fundStorage } from './fund-storage.js';
import { holdsPiece, sendPiece } from './send-piece.js';
import { digestMismatch, providerDown } from './storage-errors.js';

/** Marks our data sets: the SDK finds a payer's data set again by its metadata. */
const SOURCE = 'weighbridge';
const MAX_COMMITS = 3;

/** Runs one thing at a time. */
export type Lock = <T>(run: () => Promise<T>) => Promise<T>;

/**
 * Stores one piece. Every step looks first whether it was done: run again after a kill at any point, it transfers only
 * what the provider lacks and adds only what the chain does not list.
 * @param lock Money and data sets are one payer's: their steps run one after the other, transfers side by side
 */
export async function uploadPiece(
  signer: FocSigner,
  lock: Lock,
  piece: StoredPiece,
  filePath: string,
  onProgress?: (sentBytes: number) => void,
): Promise<StoredPiece> {
  await checkFile(piece, filePath);
  const pieceCid = Piece.parse(piece.pieceCid);
  // Money first: a payer without any learns it before a gigabyte is sent.
  const { serviceUrl } = await lock(async () => {
    const target = await resolveTarget(signer);
    if (!(await isListed(signer, target.context.dataSetId, pieceCid))) await fund(signer, target, piece);
    return target;
  });
  if (await holdsPiece(serviceUrl, piece.pieceCid)) onProgress?.(piece.sizeBytes);
  else await sendPiece(serviceUrl, pieceCid, filePath, onProgress);
  await lock(() => list(signer, piece, pieceCid));
  return piece;
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

async function fund(signer: FocSigner, { synapse, context }: Target, piece: StoredPiece): Promise<void> {
  await fundStorage(signer, synapse, context, piece.sizeBytes);
}

/** Brings the piece on chain. A refusal may mean that an earlier attempt of ours got there first: look, and try again. */
async function list(signer: FocSigner, piece: StoredPiece, pieceCid: Piece.PieceCID): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const target = await resolveTarget(signer);
    if (await isListed(signer, target.context.dataSetId, pieceCid)) return;
    if (attempt > MAX_COMMITS) throw providerDown('The provider says that the piece is on chain, and it is not.');
    await fund(signer, target, piece);
    try {
      await commitPiece(signer, target.context, pieceCid);
    } catch (error) {
      if (attempt === MAX_COMMITS || !mayBeOurs(error)) throw error;
    }
  }
}

function mayBeOurs(error: unknown): boolean {
  if (error instanceof WeighbridgeError) return error.code === 'TRANSACTION_REVERTED';
  return error instanceof Error && error.message.includes('ClientDataSetAlreadyRegistered');
}

/** @throws WeighbridgeError BAD_INPUT, TOO_LARGE, DIGEST_MISMATCH */
async function checkFile({ pieceCid, sizeBytes }: StoredPiece, filePath: string): Promise<void> {
  const parsed = parsePieceCid(pieceCid);
  if (parsed === undefined || parsed.sizeBytes !== sizeBytes || sizeBytes < MIN_PIECE_BYTES) {
    throw new WeighbridgeError('BAD_INPUT', `"${pieceCid}" is not the piece CID of ${sizeBytes} bytes`, {
      next: `Take the piece CID (version 2) of the ciphertext; a piece has at least ${MIN_PIECE_BYTES} bytes.`,
    });
  }
  if (sizeBytes > MAX_PIECE_BYTES) {
    throw new WeighbridgeError('TOO_LARGE', `a piece of ${sizeBytes} bytes; Filecoin takes ${MAX_PIECE_BYTES}`, {
      next: 'Split the data into smaller pieces.',
    });
  }
  const found = await stat(filePath);
  if (found.size !== sizeBytes) throw digestMismatch(`${filePath} has ${found.size} bytes, the piece ${sizeBytes}.`);
}
