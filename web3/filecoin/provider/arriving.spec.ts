import { randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { arriving } from './arriving.js';

const MIB = 1 << 20;

/** A body in parts of these sizes, and its bytes. */
function bodyOf(sizes: number[]): { body: Readable; bytes: Buffer } {
  const parts = sizes.map((size) => randomBytes(size));
  return { body: Readable.from(parts, { objectMode: false }), bytes: Buffer.concat(parts) };
}

async function taken(body: Readable, restMs = 0): Promise<{ bytes: Buffer; sizes: number[]; counts: number[] }> {
  const all: Uint8Array[] = [];
  const [sizes, counts]: [number[], number[]] = [[], []];
  for await (const parts of arriving(body)) {
    if (restMs > 0) await sleep(restMs);
    all.push(...parts);
    sizes.push(Buffer.concat(parts).length);
    counts.push(parts.length);
  }
  return { bytes: Buffer.concat(all), sizes, counts };
}

describe('a body that arrives', () => {
  it.each<[string, number[]]>([
    ['of no bytes', []],
    ['of one part', [100]],
    ['of a write and a byte', [MIB, 1]],
    ['of many parts', Array.from({ length: 70 }, (_, i) => 60_000 + i)],
  ])('%s comes whole and in order', async (_what, sizes) => {
    for (const restMs of [0, 2]) {
      const { body, bytes } = bodyOf(sizes);
      expect((await taken(body, restMs)).bytes.equals(bytes)).toBe(true);
    }
  });

  it('comes in writes of a MiB, and of fewer bytes where its parts are tiny', async () => {
    const { sizes } = await taken(bodyOf(Array.from({ length: 64 }, () => MIB / 16)).body, 1);
    expect(sizes.slice(0, -1).every((size) => size === MIB)).toBe(true);
    const tiny = await taken(bodyOf(Array.from({ length: 1_000 }, () => 1)).body, 1);
    expect(Math.max(...tiny.counts)).toBe(64);
  });

  it('is taken no faster than it is written', async () => {
    let made = 0;
    const body = Readable.from(
      (function* () {
        for (; made < 100; made++) yield new Uint8Array(MIB / 4);
      })(),
      { objectMode: false },
    );
    for await (const _parts of arriving(body)) {
      await sleep(20);
      break;
    }
    expect(made).toBeLessThan(20);
  });

  it('gives out what came before its fault, which may come again', async () => {
    const body = new PassThrough();
    body.write(new Uint8Array(1_000));
    const got: number[] = [];
    const reading = (async () => {
      for await (const parts of arriving(body)) got.push(Buffer.concat(parts).length);
    })();
    setTimeout(() => body.destroy(new Error('gone')), 20);
    await expect(reading).rejects.toThrow('gone');
    expect(got).toEqual([1_000]);
    body.emit('error', new Error('again'));
  });

  it('that is closed before its end is not taken for whole', async () => {
    const body = new PassThrough();
    body.write(new Uint8Array(10));
    setTimeout(() => body.destroy(), 20);
    await expect(taken(body)).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });
});
