import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';

/** A slice is at least so large: of numbers, a shard of a third or half of it, several of which are worth being sent side by side. */
export const LEAST_SLICE_BYTES = 24 << 20;
/** And a file has at most so many: each is a piece, which is named in the manifest and in the log. */
const MOST_SLICES = 64;
/** And none is larger: some are read and put into their order at the same time, in memory. */
const MOST_SLICE_BYTES = 256 << 20;
const BLOCK_BYTES = 256 << 10;
const BLOCKS_AT_ONCE = 16;
/** No longer line is looked for: of numbers, none comes near. */
const MOST_LINE_BYTES = 1 << 20;
const LINE_END = 0x0a;
const QUOTE = 0x22;

export interface SlicedCsv {
  file: string;
  /** Its first line, and its second. */
  header: Uint8Array;
  firstRow: Uint8Array;
  slices: Slice[];
}

/** Bytes of a file, whole lines. */
export interface Slice {
  from: number;
  to: number;
}

/**
 * Cuts a text file behind its header into slices of whole lines, of about equal size. A file that grows keeps the slices that it had, but for the last, until
 * they have to be larger.
 * @returns undefined if there would not be several, or where lines do not end within reach
 */
export async function cutIntoSlices(file: string, leastBytes: number): Promise<SlicedCsv | undefined> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const sliceBytes = Math.max(leastBytes, Math.ceil(size / MOST_SLICES));
    const count = Math.round(size / sliceBytes);
    if (count < 2 || sliceBytes > MOST_SLICE_BYTES) return undefined;
    const starts = Array.from({ length: count }, (_, i) => i * sliceBytes);
    const lines = await Promise.all(starts.map(async (at) => lineAt(handle, at)));
    const cuts = [...starts.map((at, i) => at + (lines[i]?.length ?? 0)), size];
    const slices = starts.map((_, i) => ({ from: cuts[i] ?? 0, to: cuts[i + 1] ?? 0 }));
    const whole = lines.every((line) => line.length > 0) && slices.every(({ from, to }) => from < to);
    const [header] = lines;
    if (!whole || header === undefined) return undefined;
    return { file, header, firstRow: await lineAt(handle, header.length), slices };
  } finally {
    await handle.close();
  }
}

/** What is left of a line, its end included; nothing if it does not end. */
async function lineAt(handle: FileHandle, at: number): Promise<Uint8Array> {
  for (let reach = BLOCK_BYTES; reach <= MOST_LINE_BYTES; reach *= 2) {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(reach), 0, reach, at);
    const end = buffer.subarray(0, bytesRead).indexOf(LINE_END);
    if (end >= 0) return buffer.subarray(0, end + 1);
  }
  return new Uint8Array(0);
}

/**
 * Writes one slice as a file of its own, with the header. In this thread: so the blocks stay in the processor's cache, which halves the time it takes.
 * @throws Error if a quote is in it: then a line may end within a value
 */
export async function copySlice({ file, header }: SlicedCsv, { from, to }: Slice, target: string): Promise<void> {
  const source = openSync(file, 'r');
  const copy = openSync(target, 'wx', 0o600);
  try {
    writeWhole(copy, header);
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    for (let at = from, blocks = 1; at < to; blocks++) {
      const bytes = block.subarray(0, readSync(source, block, 0, Math.min(BLOCK_BYTES, to - at), at));
      if (bytes.length === 0) throw new Error('the file is shorter than it was');
      if (bytes.includes(QUOTE)) throw new Error('there is a quote');
      writeWhole(copy, bytes);
      at += bytes.length;
      if (blocks % BLOCKS_AT_ONCE === 0) await setImmediate();
    }
  } finally {
    closeSync(source);
    closeSync(copy);
  }
}

function writeWhole(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
}
