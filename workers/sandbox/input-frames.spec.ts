import { spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { toHex, utf8, WeighbridgeError } from '../../src/kernel/index.js';
import type { TrainInput } from '../../src/training/index.js';
import { memoryParts } from '../../test/support/memory-parts.js';
import { inSteps, sealPiece } from '../../test/support/seal-piece.js';
import { encodeLayout, wrapShardKey } from '../../src/storage/index.js';
import { PipeClosedError, writeJob } from './input-frames.js';

const never = new AbortController().signal;
const limits = { cpuSeconds: 60, prepareSeconds: 9, rowsBytes: 2 ** 31 };

const fields = { datasetId: `0x${'0d'.repeat(32)}`, shardId: `0x${'05'.repeat(32)}`, frameBytes: 32 } as const;
const piece = sealPiece({ key: new Uint8Array(32), nonceBase: new Uint8Array(7) }, fields, new Uint8Array(300).fill(1));
const header = piece.subarray(4, 4 + (piece[3] ?? 0));
const manifest = {
  rowCount: 9,
  keyId: `0x${'0a'.repeat(32)}`,
  datasetId: fields.datasetId,
  pieces: [{ shardId: fields.shardId, wrappedKey: '77'.repeat(40) }],
};

const declaration = { seed: 1, privacy: 'none', features: {}, label: { kind: 'tokens', input: 'x', pad: null } };
const absent = {
  ...declaration,
  label: { kind: 'class', column: 'nowhere', classes: [0, 1] },
} as unknown as TrainInput['declaration'];

/** Only what the frames are made of. */
function inputOf(change: Partial<TrainInput>): TrainInput {
  return {
    manifest,
    declaration,
    graph: Uint8Array.of(1),
    weights: Uint8Array.of(2, 2),
    tokenizers: [utf8('{}')],
    openKey: async () => new Uint8Array(32).fill(7),
    pieces: [],
    timeoutMs: 1_000,
    onProgress: () => undefined,
    ...change,
  } as TrainInput;
}

function framesIn(bytes: Buffer): [string, Buffer][] {
  const frames: [string, Buffer][] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at);
    frames.push([bytes.toString('latin1', at + 4, at + 5), bytes.subarray(at + 5, end)]);
    at = end;
  }
  return frames;
}

describe('what goes into a box', () => {
  it.each([1, 7, 1_000])('a job as frames, its piece read in steps of %i bytes', async (step) => {
    // A process, not a stream in memory: only a real pipe has taken a write when it says so, and the key is overwritten then.
    const pipe = spawn('cat');
    const dataKey = new Uint8Array(32).fill(7);
    const input = inputOf({ openKey: async () => dataKey, pieces: [() => inSteps(piece, step)] });
    const [bytes] = await Promise.all([buffer(pipe.stdout), writeJob(pipe.stdin, input, limits, never)]);
    const frames = framesIn(bytes);
    const chunks = frames.filter(([kind]) => kind === 'D');
    expect(frames.map(([kind]) => kind).join('')).toMatch(/^LCGWTKHD+X$/);
    expect(frames[0]?.[1]).toEqual(Buffer.from([0, 0, 0, 60, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0]));
    expect(JSON.parse(frames[1]?.[1].toString() ?? '')).toEqual({ declaration, pieces: 1, rows: 9 });
    expect(frames[5]?.[1]).toEqual(Buffer.alloc(32, 7));
    expect(frames[6]?.[1].toString('hex')).toBe(
      ['0a'.repeat(32), '0d'.repeat(32), '05'.repeat(32), '00000000', '00000001', '77'.repeat(40), toHex(header)].join(
        '',
      ),
    );
    expect(Buffer.concat(chunks.map(([, body]) => body.subarray(1)))).toEqual(
      Buffer.from(piece.subarray(4 + header.length)),
    );
    expect(chunks.map(([, body]) => body[0])).toEqual(chunks.map((_, index) => (index === chunks.length - 1 ? 1 : 0)));
    expect(dataKey).toEqual(new Uint8Array(32));
  });

  it('says which pieces are held out of training, to a run that measures with them', async () => {
    const metric = { name: 'accuracy', bound: 1, noiseMultiplier: 3 };
    const [first] = manifest.pieces;
    const pieces = [
      { ...first, rowCount: 9 },
      { ...first, rowCount: 4, holdout: true },
    ];
    const input = inputOf({
      manifest: { ...manifest, pieces } as unknown as TrainInput['manifest'],
      declaration: { seed: 1, privacy: { metric } } as TrainInput['declaration'],
      pieces: [() => inSteps(piece, 50), () => inSteps(piece, 50)],
    });
    const pipe = spawn('cat');
    const [bytes] = await Promise.all([buffer(pipe.stdout), writeJob(pipe.stdin, input, limits, never)]);
    const frames = framesIn(bytes);
    expect(JSON.parse(frames[1]?.[1].toString() ?? '')).toMatchObject({
      pieces: 1,
      rows: 9,
      heldOut: { pieces: 1, rows: 4 },
    });
    const places = frames.filter(([kind]) => kind === 'H').map(([, body]) => body.subarray(96, 104).toString('hex'));
    expect(places).toEqual(['0000000000000002', '0000000100000002']);
  });

  it('frames of the columns that the job reads, by their numbers, where the piece says where these are', async () => {
    const data = new Uint8Array(2_200_000).map((_, at) => at % 251);
    const frameBytes = 131_072;
    const shardKey = { key: new Uint8Array(32).fill(3), nonceBase: new Uint8Array(7) };
    const chunks = Array.from({ length: 20 }, (_, i) => ({ from: i * 109_000, bytes: 109_000 }));
    const layout = encodeLayout({ dataBytes: data.length, footerFrom: 2_180_000, rowGroups: [chunks] });
    const wide = sealPiece(shardKey, { ...fields, frameBytes }, data, layout);
    const versionKey = new Uint8Array(32).fill(7);
    const place = { keyId: `0x${'0a'.repeat(32)}`, shardId: fields.shardId, number: 0, count: 1 } as const;
    const wrappedKey = toHex(wrapShardKey(versionKey, place, shardKey.key));
    const parts = memoryParts(new Map([['wide', wide]]));
    let wholeReads = 0;
    const run = async (change: Partial<TrainInput>): Promise<[string, Buffer][]> => {
      const input = inputOf({
        manifest: {
          ...manifest,
          columns: chunks.map((_, i) => ({ name: `c${i}` })),
          pieces: [{ pieceCid: 'wide', sizeBytes: wide.length, shardId: fields.shardId, wrappedKey }],
        } as unknown as TrainInput['manifest'],
        declaration: {
          ...declaration,
          features: { x: [{ kind: 'scale', column: 'c2', min: 0, max: 1 }] },
          label: { kind: 'class', column: 'c3', classes: [0, 1] },
        } as unknown as TrainInput['declaration'],
        openKey: async () => Uint8Array.from(versionKey),
        pieces: [() => (wholeReads++, inSteps(wide, 5_000))],
        ...change,
      });
      const pipe = spawn('cat');
      const [bytes] = await Promise.all([buffer(pipe.stdout), writeJob(pipe.stdin, input, limits, never)]);
      return framesIn(bytes);
    };
    const all = (await run({})).filter(([kind]) => kind === 'D').map(([, body]) => body.subarray(1));
    const frames = await run({ parts });
    const names = frames.map(([kind]) => kind).join('');
    expect(names).toMatch(/^LCGWTKHAD+X$/);
    // The first frame, those of 218,000 to 436,000, and the last 64 KiB.
    const chosen = frames.find(([kind]) => kind === 'A')?.[1] ?? Buffer.alloc(0);
    const numbers = Array.from({ length: chosen.length / 4 }, (_, i) => chosen.readUInt32BE(4 * i));
    expect(numbers).toEqual([0, 1, 2, 3, 16]);
    const sent = frames.filter(([kind]) => kind === 'D').map(([, body]) => body);
    expect(sent.map((body) => body.subarray(1))).toEqual(numbers.map((number) => all[number]));
    expect(sent.map((body) => body[0])).toEqual([0, 0, 0, 0, 1]);
    expect(wholeReads).toBe(1);
    // A store that cannot, a key that does not open, a column that is not there: the whole piece, as if there were no index.
    const broken = { ...parts, part: async () => Promise.reject(new Error('gone')) };
    const other = { openKey: async () => new Uint8Array(32), parts };
    for (const change of [{ parts: broken }, other, { parts, declaration: absent }]) {
      expect((await run(change)).map(([kind]) => kind).join('')).toMatch(/^LCGWTKHD+X$/);
    }
    expect(wholeReads).toBe(4);
    // A store that breaks off when some frames are in the box: the others, once each, from the whole piece.
    const breaking = {
      ...parts,
      async *blocks(...asked: Parameters<typeof parts.blocks>) {
        let given = 0;
        for await (const block of parts.blocks(...asked)) {
          if (given++ === 2) throw new Error('gone');
          yield block;
        }
      },
    };
    expect(await run({ parts: breaking })).toEqual(frames);
    expect(wholeReads).toBe(5);
  });

  it('waits for the box: no piece is read ahead of it', async () => {
    let read = 0;
    const source = async function* (): AsyncGenerator<Uint8Array> {
      for await (const part of inSteps(piece, 10)) {
        read += part.length;
        yield part;
      }
    };
    const pipe = new PassThrough({ highWaterMark: 16 });
    const writing = writeJob(pipe, inputOf({ pieces: [source] }), limits, never);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(read).toBe(0);
    const [bytes] = await Promise.all([buffer(pipe), writing]);
    expect(read).toBe(piece.length);
    expect(bytes.length).toBeGreaterThan(piece.length);
  });

  it('passes a fault of storage on as it is', async () => {
    const fault = new WeighbridgeError('PROVIDER_DOWN', 'gone', { next: 'Retry.' });
    const source = async function* (): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(0);
      throw fault;
    };
    const pipe = new PassThrough();
    pipe.resume();
    await expect(writeJob(pipe, inputOf({ pieces: [source] }), limits, never)).rejects.toBe(fault);
  });

  it('tells a box that is gone from other faults', async () => {
    const pipe = new PassThrough();
    pipe.destroy();
    await expect(writeJob(pipe, inputOf({}), limits, never)).rejects.toBeInstanceOf(PipeClosedError);
  });
});
