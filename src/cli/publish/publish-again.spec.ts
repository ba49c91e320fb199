// Real and faked: see test/support/publishing.ts.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { dir, everythingKept, linesOf, publishing, run, world } from '../../../test/support/publishing.js';
import type { Manifest } from '../../catalog/manifest.js';
import { jsonDigest } from '../../kernel/index.js';

publishing();

describe('an interrupted publish goes on with the same command', () => {
  it.each(['send', 'sent', 'wrap', 'commit', 'committed', 'listOffer', 'listed-on-chain', 'api', 'listed'] as const)(
    'broken at %s',
    async (step) => {
      world.break = step;
      world.sendsBeforeBreak = 2;
      await expect(run({ shardBytes: '20000' })).rejects.toThrow(`broken at ${step}`);
      expect(world.listings).toHaveLength(step === 'listed' ? 1 : 0);
      expect((await everythingKept()).includes('note 1 ')).toBe(false);
      world.break = undefined;
      const sealed = world.seals;
      const done = await run({ shardBytes: '20000' });
      // Once all were sent, none is even encrypted again.
      if (step !== 'send' && step !== 'sent') expect(world.seals).toBe(sealed);
      expect(world.wraps).toBe(1);
      // Each piece travelled once, and was added once.
      const cids = world.uploads.map(({ pieceCid }) => pieceCid);
      expect(cids.toSorted()).toEqual(done.pieces.map(({ pieceCid }) => pieceCid).toSorted());
      expect(world.commits).toEqual(done.pieces.map(({ pieceCid }) => pieceCid));
      expect(world.offers).toHaveLength(1);
      // A repeat is the same listing, byte for byte: the log answers it with the first index.
      expect(new Set(world.listings.map((listing) => jsonDigest(listing))).size).toBe(1);
    },
  );

  it('out of money after the first shard, and goes on after a top-up', async () => {
    world.affordedPieces = 1;
    await expect(run({ shardBytes: '20000' })).rejects.toMatchObject({
      code: 'NO_BALANCE',
      next: expect.stringContaining('run the same command again'),
    });
    expect(world).toMatchObject({ commits: { length: 1 }, listings: [] });
    const [sends, first] = [world.sends, world.commits[0]];
    world.affordedPieces = Infinity;
    const done = await run({ shardBytes: '20000' });
    expect(done.pieces.length).toBeGreaterThan(2);
    expect(world.sends).toBe(sends);
    expect(world.commits).toEqual(done.pieces.map(({ pieceCid }) => pieceCid));
    expect(world.commits[0]).toBe(first);
    expect(world).toMatchObject({ wraps: 1, offers: { length: 1 }, listings: { length: 1 } });
  });

  it('makes the same pieces again when the provider lost them before they were on chain', async () => {
    world.break = 'commit';
    await expect(run({ shardBytes: '20000' })).rejects.toThrow('broken at commit');
    const lost = world.uploads.splice(1, 2).map(({ pieceCid }) => pieceCid);
    world.break = undefined;
    await run({ shardBytes: '20000' });
    const again = world.uploads.slice(-2).map(({ pieceCid }) => pieceCid);
    expect(again.toSorted()).toEqual(lost.toSorted());
    expect(world.wraps).toBe(1);
  });

  it('is another publish when the file, or an option, is another', async () => {
    await run();
    await run({ price: '6', listAgain: true });
    await writeFile(path.join(dir, 'data.csv'), 'x,y,note\n1,a,b\n');
    await run();
    expect(new Set(world.listings.map((listing) => (listing['manifest'] as Manifest).keyId)).size).toBe(3);
  });

  it('does not give rows a second privacy budget without a word', async () => {
    world.break = 'send';
    await expect(run()).rejects.toThrow('broken');
    world.break = undefined;
    // What was never listed stands in nobody's way.
    const { id } = await run({ price: '6' });
    const again = run({ price: '7' });
    await expect(again).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: `this file is listed already, as dataset ${id.slice(0, 10)}`,
      next: expect.stringContaining(`--new-version-of ${id.slice(0, 10)}`) as string,
    });
    expect(world.listings).toHaveLength(1);
    await run({ price: '6' });
    await run({ price: '7', listAgain: true });
    expect(world.listings).toHaveLength(2);
    // A listing that was begun goes on, whatever was listed meanwhile.
    await run();
    expect(world.listings).toHaveLength(3);
  });

  it('does not run twice at once', async () => {
    let release = (): void => undefined;
    world.gate = new Promise((resolve) => (release = resolve));
    const first = run();
    const waiting = new Promise<void>((resolve) => (world.atGate = resolve));
    await waiting;
    await expect(run()).rejects.toMatchObject({ code: 'JOB_STATE' });
    release();
    expect(await first).toMatchObject({ already: false });
  });
});

describe('a new version', () => {
  const rows = (count: number) => Array.from({ length: count }, (_, i) => `${i % 17},${['a', 'b'][i % 2]},row ${i}`);
  const write = async (lines: string[]) => writeFile(path.join(dir, 'data.csv'), `x,y,note\n${lines.join('\n')}\n`);
  const options = { shardBytes: '1500' };

  it('sends only the shards that changed, under a key of its own', async () => {
    await write(rows(400));
    const first = await run(options);
    const [key, sent] = [world.dataKey, world.uploads.length];
    await write([...rows(399), '3,a,another']);
    const second = await run({ ...options, newVersionOf: first.id });
    expect(second).toMatchObject({ datasetId: first.datasetId, version: 2 });
    const kept = second.pieces.filter(({ pieceCid }) => first.pieces.some((piece) => piece.pieceCid === pieceCid));
    expect(kept.length).toBe(second.pieces.length - 1);
    expect(world.uploads.length).toBe(sent + 1);
    expect(world.dataKey).not.toEqual(key);
    expect((await linesOf()).toSorted()).toEqual([...rows(399), '3,a,another'].toSorted());
  });

  it('that sends lost pieces anew and is interrupted, sends none of them twice', async () => {
    await write(rows(400));
    const first = await run(options);
    world.uploads.length = 0;
    Object.assign(world, { break: 'sent', lookUpMs: 200 }); // so that two shards are asked after at the same time
    const next = { ...options, newVersionOf: first.id };
    await expect(run(next)).rejects.toThrow('broken at sent');
    Object.assign(world, { break: undefined, lookUpMs: 0 });
    const { pieces } = await run(next);
    const cids = pieces.map(({ pieceCid }) => pieceCid);
    expect(world.uploads.map(({ pieceCid }) => pieceCid).toSorted()).toEqual(cids.toSorted());
  });

  it('takes a new key for every shard after a revocation', async () => {
    await write(rows(400));
    const first = await run(options);
    world.revoked = true;
    const second = await run({ ...options, newVersionOf: first.id });
    const cids = new Set(first.pieces.map(({ pieceCid }) => pieceCid));
    expect(second.pieces.some(({ pieceCid }) => cids.has(pieceCid))).toBe(false);
  });
});
