import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { keyIdOf, to0x, type Bytes32, type Network } from '../../kernel/index.js';
import { DEFAULT_CHUNK_BYTES, encryptedPieceBytes } from '../../storage/index.js';
import type { Account, Adapters } from '../ports.js';
import type { Ui } from '../ui/ui.js';
import { checkDeclared } from './check-declared.js';
import { openDuck } from './duck.js';
import { encryptShard } from './encrypt.js';
import type { Sealed } from './journal.js';
import type { PublishPlan } from './plan.js';
import { previewColumns } from './preview.js';
import { withPrivateDir } from './private-dir.js';
import { readSource } from './read.js';
import { writeShards } from './shard.js';
import { wrapDataKey } from './wrap.js';

export interface SealDeps {
  ui: Ui;
  network: Network;
  account: Account;
  adapters: Pick<Adapters, 'pieceHasher' | 'keyVault'>;
}

/** Whether this is a new dataset or the next version of one. */
export interface DatasetSlot {
  datasetId: Bytes32;
  version: number;
}

/**
 * Reads, checks, shards and encrypts the seller's file into `dir` and has the data key wrapped. The key lives in this
 * call alone: it is zeroed before it returns, and if the process dies in between, the ciphertext is worthless and the next
 * run begins anew under another key.
 */
export async function sealDataset(plan: PublishPlan, slot: DatasetSlot, dir: string, deps: SealDeps): Promise<Sealed> {
  const { ui, network, account, adapters } = deps;
  await removePieces(dir);
  const keyId = keyIdOf(account.address, slot.datasetId, slot.version);
  const dataKey = randomBytes(32);
  // Loading the SDK of the key nodes takes about as long as encrypting: both at once.
  const loading = adapters.keyVault(network);
  loading.catch(() => undefined);
  try {
    const encrypted = await withPrivateDir(dir, (privateDir) => encryptAll(plan, dir, privateDir, dataKey, deps));
    ui.note(`wrapping the data key for ${keyId}`);
    const wrappedKey = await wrapDataKey(await loading, dataKey, keyId);
    return {
      datasetId: slot.datasetId,
      datasetVersion: slot.version,
      keyId,
      chunkBytes: DEFAULT_CHUNK_BYTES,
      wrappedKey,
      ...encrypted,
    };
  } catch (error) {
    // Ciphertext without a key is of no use to anybody, and the disk may be full of it.
    await removePieces(dir);
    throw error;
  } finally {
    dataKey.fill(0);
  }
}

export function newSlot(): DatasetSlot {
  return { datasetId: to0x(randomBytes(32)), version: 1 };
}

async function encryptAll(
  plan: PublishPlan,
  dir: string,
  privateDir: string,
  dataKey: Uint8Array,
  { ui, adapters }: SealDeps,
): Promise<Pick<Sealed, 'columns' | 'rowCount' | 'pieces'>> {
  const newHasher = await adapters.pieceHasher();
  const duck = await openDuck(privateDir);
  const bar = ui.bar({ label: 'encrypting', total: 0, unit: 'bytes' });
  try {
    const source = await readSource(duck, plan.file, plan.format, privateDir, plan.declared);
    const missing = await checkDeclared(duck, source, plan.declared, plan.label);
    for (const { column, rows } of missing) {
      ui.warn(`column "${column}" has no value in ${rows} of ${source.rowCount} rows`);
    }
    ui.note(`read ${source.rowCount} rows, ${source.columns.length} columns`);
    const pieces: Sealed['pieces'] = [];
    let doneBytes = 0;
    for await (const shard of writeShards(duck, source, privateDir, plan.shardBytes)) {
      const file = `piece-${pieces.length}`;
      bar.setTotal(doneBytes + encryptedPieceBytes(shard.sizeBytes));
      const piece = await encryptShard(shard.file, path.join(dir, file), dataKey, newHasher(), (sizeBytes) =>
        bar.update(doneBytes + sizeBytes),
      );
      doneBytes += piece.sizeBytes;
      await rm(shard.file);
      pieces.push({ ...piece, rowCount: shard.rowCount, file, uploaded: false });
    }
    return { columns: previewColumns(source, plan.declared), rowCount: source.rowCount, pieces };
  } finally {
    bar.stop();
    duck.close();
  }
}

/** Ciphertext of a run that did not get as far as its journal: nobody holds its key any more. */
async function removePieces(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (name.startsWith('piece-')) await rm(path.join(dir, name), { force: true });
  }
}
