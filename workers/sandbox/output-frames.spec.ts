import { describe, expect, it } from 'vitest';
import { concatBytes, isWeighbridgeError, utf8 } from '../../src/kernel/index.js';
import { FrameReader, readAnswer, readIdle, SilentEndError, type Answer, type Expectation } from './output-frames.js';

const u32 = (...values: number[]): Uint8Array => {
  const bytes = new Uint8Array(4 * values.length);
  for (const [index, value] of values.entries()) new DataView(bytes.buffer).setUint32(4 * index, value);
  return bytes;
};
const frame = (kind: string, body: Uint8Array): Uint8Array => concatBytes(u32(body.length), utf8(kind), body);
const progress = (step: number, of = 100): Uint8Array => frame('P', u32(step, of));
const result = frame('R', new Uint8Array(1_000).fill(7));
const numbers = frame('N', u32(3, 0, 50));
const refusal = (code: number): Uint8Array => frame('E', Uint8Array.of(code));

const moments = (...sums: bigint[]): Uint8Array => {
  const bytes = new Uint8Array(8 * sums.length);
  for (const [index, sum] of sums.entries()) new DataView(bytes.buffer).setBigInt64(8 * index, sum);
  return frame('F', bytes);
};

async function* inSteps(bytes: Uint8Array, step: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.slice(at, at + step);
}

const state = (step: number, size = 100): Uint8Array =>
  frame('Z', concatBytes(u32(step), new Uint8Array(size - 4).fill(9)));

async function read(
  bytes: Uint8Array,
  step = 64,
  heard: number[] = [],
  checkpoints?: Expectation['checkpoints'],
  moments = 0,
): Promise<Answer> {
  const onProgress = (reached: number): void => void heard.push(reached);
  return readAnswer(new FrameReader(inSteps(bytes, step)), {
    maxResultBytes: 1_000,
    totalSteps: 100,
    moments,
    onProgress,
    ...(checkpoints === undefined ? {} : { checkpoints }),
  });
}

describe('what a box may answer', () => {
  it.each([1, 5, 64, 10_000])('progress, weights and numbers, in reads of %i bytes', async (step) => {
    const heard: number[] = [];
    const answer = await read(concatBytes(progress(1), progress(100), result, numbers), step, heard);
    expect(answer).toEqual({
      kind: 'result',
      weights: Buffer.alloc(1_000, 7),
      numbers: { epochs: 3, rows: 50 },
    });
    expect(heard).toEqual([1, 100]);
  });

  it('a metric between weights and numbers', async () => {
    const body = new Uint8Array(16);
    new DataView(body.buffer).setBigInt64(0, -(1n << 40n));
    new DataView(body.buffer).setBigInt64(8, 7n);
    expect(await read(concatBytes(result, frame('M', body), numbers))).toMatchObject({
      metric: { total: -(1n << 40n), units: 7n },
      numbers: { epochs: 3, rows: 50 },
    });
  });

  it('the sums of two columns after the weights, before a metric', async () => {
    const sums = [-(1n << 40n), 2n, 3n, 4n, 0n];
    const answer = concatBytes(result, moments(...sums), frame('M', new Uint8Array(16)), numbers);
    expect(await read(answer, 64, [], undefined, 5)).toMatchObject({ moments: sums, metric: { total: 0n, units: 0n } });
  });

  it.each<[string, Uint8Array]>([
    ['fewer sums than columns have', concatBytes(result, moments(1n, 2n, 3n), numbers)],
    ['more sums than columns have', concatBytes(result, moments(1n, 2n, 3n, 4n, 5n, 6n), numbers)],
    ['sums twice', concatBytes(result, moments(1n, 2n, 3n, 4n, 5n), moments(1n, 2n, 3n, 4n, 5n), numbers)],
    ['sums before the weights', concatBytes(moments(1n, 2n, 3n, 4n, 5n), result, numbers)],
    ['sums after a metric', concatBytes(result, frame('M', new Uint8Array(16)), moments(1n, 2n, 3n, 4n, 5n), numbers)],
  ])('refuses %s', async (_name, bytes) => {
    await expect(read(bytes, 64, [], undefined, 5)).rejects.toMatchObject({ code: 'TRAINER_FAILED' });
  });

  it.each([
    [1, 'model-rejected'],
    [6, 'rows-mix'],
    [7, 'model-too-large'],
    [2, 'data-corrupt'],
    [3, 'data-does-not-fit'],
    [4, 'out-of-memory'],
    [5, 'trainer-failed'],
  ])('code %i is %s', async (code, reason) => {
    expect(await read(concatBytes(progress(1), refusal(code)))).toEqual({ kind: 'refusal', reason });
  });

  it.each<[string, Uint8Array]>([
    ['a frame of another kind', frame('L', utf8('row 7'))],
    ['a progress that falls', concatBytes(progress(2), progress(1), result, numbers)],
    ['a progress that stands still', concatBytes(progress(2), progress(2), result, numbers)],
    ['a progress past its end', concatBytes(progress(101), result, numbers)],
    ['another number of steps', concatBytes(progress(1, 99), result, numbers)],
    ['a long progress', concatBytes(frame('P', new Uint8Array(9)), result, numbers)],
    ['weights over their cap', concatBytes(frame('R', new Uint8Array(1_001)), numbers)],
    ['a state that nobody asked for', concatBytes(state(1), result, numbers)],
    ['weights twice', concatBytes(result, result)],
    ['weights and a code', concatBytes(result, refusal(5))],
    ['that it waits, once it has a job', concatBytes(frame('I', new Uint8Array(0)), result, numbers)],
    ['numbers without weights', numbers],
    ['numbers of another size', concatBytes(result, frame('N', new Uint8Array(13)))],
    ['a metric of another size', concatBytes(result, frame('M', new Uint8Array(15)), numbers)],
    ['two metrics', concatBytes(result, frame('M', new Uint8Array(16)), frame('M', new Uint8Array(16)), numbers)],
    ['a metric before the weights', concatBytes(frame('M', new Uint8Array(16)), result, numbers)],
    ['a metric after the numbers', concatBytes(result, numbers, frame('M', new Uint8Array(16)))],
    ['sums that nobody pays for', concatBytes(result, moments(1n, 2n, 0n), numbers)],
    ['no sums', concatBytes(result, moments(), numbers)],
    ['a code outside the list', refusal(8)],
    ['code zero', refusal(0)],
    ['a code with text', frame('E', utf8('1 row 7'))],
    ['bytes after the answer', concatBytes(result, numbers, Uint8Array.of(0))],
    ['progress after the answer', concatBytes(result, numbers, progress(1))],
    ['bytes after a code', concatBytes(refusal(1), utf8('row 7'))],
  ])('refuses %s, and repeats nothing of it', async (_name, bytes) => {
    const error = await read(bytes).catch((caught: unknown) => caught);
    expect(isWeighbridgeError(error) && [error.code, error.details['reason']]).toEqual([
      'TRAINER_FAILED',
      'trainer-failed',
    ]);
    expect(JSON.stringify([String(error), isWeighbridgeError(error) && error.details])).not.toContain('row 7');
  });

  it('refuses a length of 4 GiB without waiting for the bytes', async () => {
    await expect(read(concatBytes(u32(0xffffffff), utf8('R')))).rejects.toMatchObject({ code: 'TRAINER_FAILED' });
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['half a head', Uint8Array.of(0, 0)],
    ['half a body', result.subarray(0, 100)],
    ['weights without numbers', result],
  ])('tells an end after %s from a broken protocol', async (_name, bytes) => {
    await expect(read(bytes)).rejects.toBeInstanceOf(SilentEndError);
  });
});

describe('what a box says before it has a job', () => {
  const idle = async (bytes: Uint8Array): Promise<void> => readIdle(new FrameReader(inSteps(bytes, 64)));

  it('that it waits', async () => {
    await expect(idle(frame('I', new Uint8Array(0)))).resolves.toBeUndefined();
  });

  it.each<[string, Uint8Array]>([
    ['a progress', progress(1)],
    ['weights', frame('R', new Uint8Array(1))],
    ['a word', frame('I', utf8('row 7'))],
    ['a reason', refusal(5)],
  ])('and not %s', async (_name, bytes) => {
    await expect(idle(bytes)).rejects.toMatchObject({ code: 'TRAINER_FAILED' });
  });
});

describe('the state of a run', () => {
  const keeping = (kept: [number, number][]): Expectation['checkpoints'] => ({
    maxBytes: 100,
    keep: async (bytes, step) => void kept.push([step, bytes.length]),
  });

  it('is kept as often as it comes, each further than the one before, and overwritten', async () => {
    const kept: [number, number][] = [];
    const bytes = concatBytes(state(1), progress(2), state(2), state(100), result, numbers);
    expect(await read(bytes, 64, [], keeping(kept))).toMatchObject({ kind: 'result' });
    expect(kept).toEqual([
      [1, 100],
      [2, 100],
      [100, 100],
    ]);
  });

  it.each<[string, Uint8Array]>([
    ['of a step before the last one', concatBytes(state(2), state(1))],
    ['of a step beyond the end', state(101)],
    ['that is too large', state(1, 101)],
    ['of no step', frame('Z', Uint8Array.of(1))],
    ['after the weights', concatBytes(result, state(1))],
  ])('%s ends the run', async (_name, bytes) => {
    await expect(read(concatBytes(bytes, result, numbers), 64, [], keeping([]))).rejects.toMatchObject({
      code: 'TRAINER_FAILED',
    });
  });
});
