import { rm } from 'node:fs/promises';
import path from 'node:path';
import { WeighbridgeError } from '../../kernel/index.js';
import type { PieceStore } from '../../storage/index.js';
import type { Ui } from '../ui/ui.js';
import type { Journal, JournalFile, Sealed } from './journal.js';

/**
 * Uploads the pieces that are not stored yet, noting each in the journal as soon as the chain lists it: an interrupted
 * run sends none twice.
 * @throws WeighbridgeError PROVIDER_DOWN, DISK_FULL, NO_BALANCE, DIGEST_MISMATCH
 */
export async function uploadPieces(
  store: PieceStore,
  journalFile: JournalFile,
  journal: Journal & { sealed: Sealed },
  ui: Ui,
): Promise<Sealed> {
  const { sealed } = journal;
  const totalBytes = sealed.pieces.reduce((sum, piece) => sum + piece.sizeBytes, 0);
  let doneBytes = sealed.pieces.reduce((sum, piece) => sum + (piece.uploaded ? piece.sizeBytes : 0), 0);
  const bar = ui.bar({ label: 'uploading', total: totalBytes, unit: 'bytes' });
  bar.update(doneBytes);
  let current = sealed;
  try {
    for (const [i, piece] of sealed.pieces.entries()) {
      if (piece.uploaded) continue;
      const { pieceCid, sizeBytes } = piece;
      const stored = await store.upload({ pieceCid, sizeBytes }, path.join(journalFile.dir, piece.file), (sent) =>
        bar.update(doneBytes + sent),
      );
      if (stored.pieceCid !== pieceCid) throw otherCid(pieceCid, stored.pieceCid);
      doneBytes += sizeBytes;
      bar.update(doneBytes);
      current = { ...current, pieces: current.pieces.with(i, { ...piece, uploaded: true }) };
      await journalFile.write({ ...journal, sealed: current });
    }
  } finally {
    bar.stop();
  }
  return current;
}

/** Once the dataset is listed nobody needs the ciphertext here. */
export async function removePieceFiles(dir: string, { pieces }: Sealed): Promise<void> {
  for (const { file } of pieces) await rm(path.join(dir, file), { force: true });
}

function otherCid(expected: string, received: string): WeighbridgeError {
  return new WeighbridgeError('DIGEST_MISMATCH', 'the storage provider stored other bytes than it was sent', {
    next: 'Run the same command again; if it happens again, choose another provider. Nothing was listed.',
    details: { expected, received },
  });
}
