import { rm } from 'node:fs/promises';
import { DEFAULT_FRAME_BYTES, paddedBytes, shardIdOf, shardKeyOf, type UploadSession } from '../../storage/index.js';
import { fromHex, type Bytes32 } from '../../kernel/index.js';
import type { SealedPiece, SealingThreads } from '../ports.js';
import type { Ui } from '../ui/ui.js';
import type { DatasetSlot, JournalFile, SentPiece } from './journal.js';
import type { Shard } from './shard.js';

export interface SendDeps {
  ui: Ui;
  threads: SealingThreads;
  /** 32 bytes: the seller's shard secret. */
  secret: Uint8Array;
  /** Opened while the file is read. */
  session: Promise<UploadSession>;
}

/** Shards that are encrypted and sent at the same time, while the next one is written. */
const IN_FLIGHT = 3;

/**
 * Encrypts and sends each shard as soon as it is written. A piece is sent while it is encrypted and lies on no disk of the seller. A shard that an earlier
 * run sent is found by its name, which follows from its content: it is neither encrypted nor sent again if the provider still holds it.
 * @param expected - of all shards, for the bar
 * @returns the pieces, in the order of their shards
 */
export async function sendShards(
  shards: AsyncIterable<Shard>,
  expected: { sizeBytes: number; rowCount: number },
  slot: DatasetSlot,
  journal: JournalFile,
  deps: SendDeps,
): Promise<SentPiece[]> {
  const bar = deps.ui.bar({ label: 'sending', total: expected.sizeBytes, unit: 'bytes' });
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
      bar.setTotal(Math.round((shardBytes / shardRows) * expected.rowCount));
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
  { threads, secret }: SendDeps,
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
  { threads, secret, session }: SendDeps,
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
