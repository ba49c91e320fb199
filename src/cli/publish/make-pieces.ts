import { rm } from 'node:fs/promises';
import type { Column } from '../../catalog/manifest.js';
import {
  DEFAULT_FRAME_BYTES,
  paddedBytes,
  shardIdOf,
  shardKeyOf,
  type StepTimer,
  type UploadSession,
} from '../../storage/index.js';
import { fromHex, WeighbridgeError, type Bytes32 } from '../../kernel/index.js';
import type { SealedPiece, SealingThreads } from '../ports.js';
import type { Ui } from '../ui/ui.js';
import { counted } from '../ui/text.js';
import { checkDeclared } from './check-declared.js';
import { decimalCommas } from './decimal-comma.js';
import type { Duck } from './duck.js';
import { divideRows } from './hold-out.js';
import type { DatasetSlot, JournalFile, SentPiece } from './journal.js';
import type { PublishPlan } from './plan.js';
import { previewColumns } from './preview.js';
import { withPrivateDir } from './private-dir.js';
import { personalColumns } from './quality.js';
import { readSource, sourceState } from './read.js';
import { writeShards, type Shard } from './shard.js';
import type { Source } from './source.js';
import { assertUnchanged, type FileState } from './unchanged.js';

export interface MakeDeps {
  ui: Ui;
  duck: Duck;
  threads: SealingThreads;
  /** 32 bytes: the seller's shard secret. */
  secret: Uint8Array;
  /** Opened while the file is read. */
  session: Promise<UploadSession>;
  time: StepTimer;
}

export interface Made {
  columns: Column[];
  rowCount: number;
  pieces: SentPiece[];
}

/** Shards that are encrypted and sent at the same time, while the next one is written. */
const IN_FLIGHT = 3;

/**
 * Reads, checks and shards the seller's file, and encrypts and sends each shard as soon as it is written. A piece is sent
 * while it is encrypted and lies on no disk of the seller. A shard that an earlier run sent is found by its name, which
 * follows from its content: it is neither encrypted nor sent again if the provider still holds it.
 */
export async function makePieces(
  plan: PublishPlan,
  file: FileState,
  slot: DatasetSlot,
  journal: JournalFile,
  deps: MakeDeps,
): Promise<Made> {
  const { duck } = deps;
  return withPrivateDir(journal.dir, async (privateDir) => {
    await duck.spillTo(privateDir);
    const source = await readAndCheck(plan, duck, privateDir, deps);
    const key = { secret: deps.secret, datasetId: slot.datasetId };
    const { training, heldOut } = await divideRows(duck, source, privateDir, plan, key);
    if (heldOut !== undefined) deps.ui.note(`${counted(heldOut.rowCount, 'row is', 'rows are')} held out of training`);
    const shards = shardsOf(training, heldOut, (side, prefix) =>
      writeShards(duck, side, privateDir, plan, deps.time, prefix),
    );
    const pieces = await sendAll(source, shards, slot, journal, deps);
    assertUnchanged(plan.file, file, await sourceState(plan.file, plan.format).catch(() => undefined));
    return { columns: previewColumns(source, plan.declared), rowCount: training.rowCount, pieces };
  });
}

/** Those that are held out stand last: their place in the manifest tells them. */
async function* shardsOf(
  training: Source,
  heldOut: Source | undefined,
  write: (side: Source, prefix: string) => AsyncGenerator<Shard>,
): AsyncGenerator<Shard> {
  yield* write(training, 'training');
  if (heldOut === undefined) return;
  for await (const shard of write(heldOut, 'held-out')) yield { ...shard, holdout: true };
}

async function readAndCheck(
  plan: PublishPlan,
  duck: Duck,
  privateDir: string,
  { ui, time }: Pick<MakeDeps, 'ui' | 'time'>,
): Promise<Source> {
  const source = await time('data path: read', async () =>
    readSource(duck, plan.file, plan.format, privateDir, plan.declared, plan.encoding),
  );
  await time('data path: check', async () => checkSource(plan, duck, source, ui));
  return source;
}

async function checkSource(plan: PublishPlan, duck: Duck, source: Source, ui: Ui): Promise<void> {
  const missing = await checkDeclared(duck, source, plan.declared, plan.label);
  for (const { column, rows } of missing) {
    ui.warn(`column "${column}" has no value in ${rows} of ${source.rowCount} rows`);
  }
  for (const { name } of source.columns.filter(({ losesZeros }) => losesZeros)) {
    ui.warn(
      `column "${name}" loses leading zeros: declare {"type": "string"} in the columns file if these are codes, "integer" or "number" if not`,
    );
  }
  for (const column of await decimalCommas(duck, source)) {
    ui.warn(`column "${column}" has numbers with a decimal comma: they are listed as text, unless you write a point`);
  }
  ui.note(`read ${counted(source.rowCount, 'row')}, ${counted(source.columns.length, 'column')}`);
  await checkPersonal(plan, duck, source, ui);
}

/** @throws WeighbridgeError BAD_INPUT unless the seller accepted that columns look like personal data */
async function checkPersonal({ terms }: PublishPlan, duck: Duck, source: Source, ui: Ui): Promise<void> {
  const personal = await personalColumns(duck, source);
  for (const { name, why } of personal) ui.warn(`column "${name}" may be personal data: ${why}`);
  if (personal.length === 0 || terms.personalData === true) return;
  throw new WeighbridgeError(
    'BAD_INPUT',
    `${counted(personal.length, 'column looks', 'columns look')} like personal data`,
    {
      next: 'Leave them out, or go on with --accept-personal-data: the terms then say so. See them with "weighbridge inspect".',
      details: { columns: personal.map(({ name }) => name) },
    },
  );
}

async function sendAll(
  source: Source,
  shards: AsyncIterable<Shard>,
  slot: DatasetSlot,
  journal: JournalFile,
  deps: MakeDeps,
): Promise<SentPiece[]> {
  const bar = deps.ui.bar({ label: 'sending', total: source.sizeBytes, unit: 'bytes' });
  const name = shardNamer(slot, deps);
  const pieces: Promise<SentPiece>[] = [];
  const sentBytes: number[] = [];
  let shardBytes = 0;
  let shardRows = 0;
  try {
    for await (const shard of shards) {
      const number = pieces.length;
      shardBytes += shard.sizeBytes;
      shardRows += shard.rowCount;
      // What is still to come is guessed from the shards so far.
      bar.setTotal(Math.round((shardBytes / shardRows) * source.rowCount));
      const onProgress = (bytes: number): void => {
        sentBytes[number] = bytes;
        bar.update(sentBytes.reduce((sum, one) => sum + one, 0));
      };
      const piece = sendShard({ ...shard, shardId: name(shard) }, slot, journal, deps, onProgress);
      piece.catch(() => undefined); // looked at below, in order
      pieces.push(piece);
      await pieces.at(-IN_FLIGHT);
    }
    return await Promise.all(pieces);
  } finally {
    await Promise.allSettled(pieces);
    bar.stop();
  }
}

/** Names shards in their order, so that equal shards are told apart in the same way by every run. */
function shardNamer(
  { datasetId, keyEpoch }: DatasetSlot,
  { threads, secret }: MakeDeps,
): (shard: Shard) => Promise<Bytes32> {
  const seen = new Map<string, number>();
  let last: Promise<unknown> = Promise.resolve();
  return async ({ file, sizeBytes, layout }) => {
    const named = last.then(async () => {
      const digest = await threads.digest(file);
      const occurrence = seen.get(digest) ?? 0;
      seen.set(digest, occurrence + 1);
      const content = { digest: fromHex(digest), dataBytes: sizeBytes, plaintextBytes: paddedBytes(sizeBytes), layout };
      return shardIdOf(secret, { datasetId, keyEpoch, ...content, frameBytes: DEFAULT_FRAME_BYTES, occurrence });
    });
    last = named.catch(() => undefined);
    return named;
  };
}

async function sendShard(
  shard: Omit<Shard, 'shardId'> & { shardId: Promise<Bytes32> },
  slot: DatasetSlot,
  journal: JournalFile,
  { threads, secret, session }: MakeDeps,
  onProgress: (bytes: number) => void,
): Promise<SentPiece> {
  const { datasetId, keyEpoch } = slot;
  const shardId = await shard.shardId;
  const upload = await session;
  const { sent = [], begun = [] } = journal.now();
  const side = shard.holdout === undefined ? {} : { holdout: shard.holdout };
  const known = sent.find((piece) => piece.shardId === shardId);
  if (known !== undefined && (await upload.holds(known.pieceCid))) {
    await rm(shard.file);
    const { holdout: _before, ...piece } = known;
    return { ...piece, ...side };
  }
  const seal = (): WeighedPiece => {
    const { key, nonceBase } = shardKeyOf(secret, { datasetId, keyEpoch, shardId });
    const plaintextBytes = paddedBytes(shard.sizeBytes);
    const header = { datasetId, shardId, nonceBase, plaintextBytes, frameBytes: DEFAULT_FRAME_BYTES };
    return weighed(threads.seal(shard.file, shard.sizeBytes, key, header, shard.layout));
  };
  let piece: WeighedPiece | undefined;
  if (begun.includes(shardId)) piece = await heldAlready(seal(), upload);
  else await journal.note({ begun: [...(journal.now().begun ?? []), shardId] }); // another shard may have begun meanwhile
  if (piece === undefined) {
    piece = seal();
    await upload.send(piece.bytes, piece.pieceCid, onProgress);
  }
  await rm(shard.file);
  const named = { pieceCid: piece.pieceCid(), sizeBytes: piece.sizeBytes(), rowCount: shard.rowCount, shardId };
  const done = { ...named, ...side };
  await journal.note({ sent: [...(journal.now().sent ?? []), done] });
  return done;
}

/** An earlier run began to send the piece and may have ended between the last byte and its note: hash first, then ask. */
async function heldAlready(piece: WeighedPiece, upload: UploadSession): Promise<WeighedPiece | undefined> {
  for await (const _block of piece.bytes);
  return (await upload.holds(piece.pieceCid())) ? piece : undefined;
}

interface WeighedPiece extends SealedPiece {
  sizeBytes(): number;
}

function weighed({ bytes, pieceCid }: SealedPiece): WeighedPiece {
  let sizeBytes = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const block of bytes) {
      sizeBytes += block.length;
      yield block;
    }
  };
  return { bytes: counted(), pieceCid, sizeBytes: () => sizeBytes };
}
