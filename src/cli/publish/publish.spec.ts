// Real and faked: see test/support/publishing.ts.
import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { verifyTypedData } from 'viem';
import { describe, expect, it } from 'vitest';
import { network, testTerminal } from '../../../test/support/cli.js';
import { market } from '../../../test/support/provenance-story.js';
import {
  dir,
  everythingKept,
  linesOf,
  linesOfFile,
  manifest,
  plaintextOf,
  publishing,
  run,
  seller,
  state,
  terminal,
  world,
} from '../../../test/support/publishing.js';
import { SLOW_HASH } from '../../../web3/filecoin/sha256-pairs.js';
import { jsonDigest, keyIdOf, marketplaceDomain, offerFromJson, TYPES } from '../../kernel/index.js';
import type { PublishOptions } from './plan.js';

publishing();

describe('a publish that goes well', () => {
  it('lists what it uploaded, under an offer that adds up and is signed', async () => {
    const done = await run();
    const listing = world.listings[0] ?? {};
    const offer = offerFromJson(listing['offer'] as never);
    expect(done).toMatchObject({ id: manifest().keyId, rowCount: 1000, logIndex: 7, already: false });
    expect(keyIdOf(seller.address, offer.datasetId, 1)).toBe(done.id);
    expect(offer.manifestDigest).toBe(`0x${jsonDigest(listing['manifest'])}`);
    expect(offer.termsDigest).toBe(`0x${jsonDigest(listing['terms'])}`);
    // 5 USDFC: 2.5 % to the protocol, a tenth to the node.
    expect(offer.payees).toEqual([{ to: seller.address, amount: 4_375_000_000_000_000_000n }]);
    expect(offer.nodeFee).toBe(500_000_000_000_000_000n);
    const signature = listing['offerSignature'] as `0x${string}`;
    const typed = { domain: marketplaceDomain(market), types: TYPES, primaryType: 'Offer', message: offer } as const;
    expect(await verifyTypedData({ ...typed, address: seller.address, signature })).toBe(true);
    expect(world.commits).toEqual(manifest().pieces.map(({ pieceCid }) => pieceCid));
  });

  it('says only what the seller declared of the columns', async () => {
    await run();
    expect(manifest().columns).toEqual([
      { name: 'x', type: 'integer', range: { min: 0, max: 16 } },
      { name: 'y', type: 'string', vocabulary: ['a', 'b'] },
      { name: 'note', type: 'string' },
    ]);
    expect(JSON.stringify(world.listings)).not.toContain('note 1 ');
    // What `inspect` tells of the rows is the seller's alone.
    expect(JSON.stringify(world.listings)).not.toMatch(/missing|constant|duplicate|"labels"/);
  });

  it('sends ciphertext of Parquet that holds all rows, in shards that obey the limit', async () => {
    await run({ shardBytes: '20000', keepOrder: true });
    expect(world.uploads.length).toBeGreaterThan(2);
    expect(manifest().pieces.reduce((sum, piece) => sum + piece.rowCount, 0)).toBe(1000);
    expect(await linesOf(20_000)).toEqual(await linesOfFile());
  });

  it('puts the rows of a shard in an order that does not follow from that of the file', async () => {
    await run();
    const [first, lines] = [await linesOf(), await linesOfFile()];
    expect(first).not.toEqual(lines);
    expect(first.toSorted()).toEqual(lines.toSorted());
    await writeFile(path.join(dir, 'data.csv'), `x,y,note\n${lines.toReversed().join('\n')}\n`);
    await run();
    expect(await linesOf()).toEqual(first);
  });

  it('leaves no plaintext, no data key and no ciphertext behind', async () => {
    await run();
    const kept = await everythingKept();
    expect(kept.includes('note 1 ')).toBe(false);
    expect(kept.includes(world.dataKey ?? 'x')).toBe(false);
    expect(kept.includes(world.dataKey?.toString('hex') ?? 'x')).toBe(false);
    expect(kept.includes(world.dataKey?.toString('base64') ?? 'x')).toBe(false);
    const [digest = ''] = await readdir(path.join(state.root, 'publish'));
    expect(await readdir(state.publish(digest))).toEqual(['journal.json']);
    expect((await stat(state.publish(digest))).mode & 0o777).toBe(0o700);
  });

  it('is not done a second time', async () => {
    const first = await run();
    const { timings: _took, ...again } = await run();
    expect({ ...first, already: true }).toMatchObject(again);
    expect(world).toMatchObject({ wraps: 1, uploads: { length: 1 }, listings: { length: 1 } });
  });

  it('says so where piece CIDs are slow for want of a native binary', async () => {
    await run();
    expect(terminal.stderr()).not.toContain('hashtree');
    world.hashNotice = SLOW_HASH;
    await run({ title: 'Another', listAgain: true });
    expect(terminal.stderr()).toContain(SLOW_HASH);
  });

  it('takes a file of one row', async () => {
    await writeFile(path.join(dir, 'data.csv'), 'x,y,note\n3,b,alone\n');
    expect(await run()).toMatchObject({ rowCount: 1, pieces: [{ rowCount: 1 }] });
    expect(manifest()).toMatchObject({ rowCount: 1, pieces: { length: 1 } });
    expect(await linesOf()).toEqual(['3,b,alone']);
  });

  it('gives data that cost nothing to nobody in particular', async () => {
    await run({ price: '0' });
    expect(offerFromJson(world.listings[0]?.['offer'] as never)).toMatchObject({ price: 0n, nodeFee: 0n, payees: [] });
  });
});

describe('personal data', () => {
  it('are listed only if the seller accepts it, and then the terms say so', async () => {
    await writeFile(path.join(dir, 'data.csv'), 'x,y,note\n1,a,ann@example.org\n2,b,bob@example.org\n');
    await expect(run()).rejects.toMatchObject({ code: 'BAD_INPUT', details: { columns: ['note'] } });
    expect(world).toMatchObject({ uploads: [], offers: [], listings: [] });
    await run({ acceptPersonalData: true });
    expect(world.listings[0]?.['terms']).toMatchObject({ personalData: true });
  });
});

describe('a folder', () => {
  it('is published as a file is, and is another publish once a file in it is', async () => {
    for (const [label, text] of [
      ['ham', 'hello'],
      ['spam', 'buy now'],
    ] as const) {
      await mkdir(path.join(dir, 'mails', label), { recursive: true });
      await writeFile(path.join(dir, 'mails', label, '1.txt'), text);
    }
    const done = await run({ label: 'label' }, 'mails');
    expect(done).toMatchObject({ rowCount: 2, version: 1, already: false });
    expect(manifest().columns).toEqual([
      { name: 'text', type: 'string' },
      { name: 'label', type: 'string' },
    ]);
    expect((await plaintextOf(0)).subarray(0, 4).toString()).toBe('PAR1');
    expect(await run({ label: 'label' }, 'mails')).toMatchObject({ id: done.id, already: true });
    await writeFile(path.join(dir, 'mails', 'ham', '2.txt'), 'good bye');
    expect((await run({ label: 'label' }, 'mails')).id).not.toBe(done.id);
  });
});

describe('a publish that must not happen', () => {
  it('of a file that is written to meanwhile', async () => {
    world.atGate = () => appendFileSync(path.join(dir, 'data.csv'), '1,a,late\n');
    await expect(run()).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('was changed while it was read'),
    });
    expect(world).toMatchObject({ wraps: 0, commits: [], offers: [], listings: [] });
  });

  it.each(['data.csv', 'data.ndjson', 'data.parquet'])('of a file of 0 bytes: %s', async (name) => {
    await writeFile(path.join(dir, name), '');
    await expect(run({}, name)).rejects.toMatchObject({ code: 'EMPTY_DATA', next: expect.stringMatching(/\.$/) });
    expect(world).toMatchObject({ uploads: [], offers: [], listings: [] });
  });

  it.each<[string, Partial<PublishOptions>, string]>([
    ['a price below zero', { price: '-1' }, 'BAD_PRICE'],
    ['a price with 19 decimals', { price: '0.0000000000000000001' }, 'BAD_PRICE'],
    ['a node fee above the price', { nodeFee: '4.9' }, 'BAD_PRICE'],
    ['no title', { title: '' }, 'BAD_INPUT'],
    ['terms that are not there', { terms: 'nowhere.json' }, 'BAD_TERMS'],
    ['an operator that is no address', { operator: ['bob'] }, 'BAD_INPUT'],
    ['a label that is not there', { label: 'z' }, 'BAD_INPUT'],
    ['rows held out for metrics that no budget pays for', { holdout: 0.1 }, 'BAD_TERMS'],
    ['a shard larger than a piece', { shardBytes: '1065353216' }, 'BAD_INPUT'],
    ['a shard smaller than a row', { shardBytes: '1024' }, 'TOO_LARGE'],
  ])('%s', async (_name, options, code) => {
    if (code === 'TOO_LARGE') await writeFile(path.join(dir, 'data.csv'), `x,y,note\n1,a,${noise(4000)}\n`);
    await expect(run(options)).rejects.toMatchObject({ code, next: expect.stringMatching(/\.$/) });
    expect(world).toMatchObject({ uploads: [], offers: [], listings: [] });
  });

  it('names the option or the file that is wrong, and what it takes', async () => {
    await expect(run({ title: '' })).rejects.toMatchObject({
      message: '--title is empty or too long',
      next: 'Give a title of 1 to 200 characters.',
    });
    await expect(run({ tag: ['x'.repeat(41)] })).rejects.toMatchObject({ message: '--tag is empty or too long' });
    await expect(run({ terms: 'nowhere.json' })).rejects.toMatchObject({
      message: 'nowhere.json cannot be read (ENOENT)',
      next: 'Check the path and its permissions.',
    });
  });

  it('tells a full disk from a fault of the program, and lists nothing', async () => {
    const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
    const { runCli } = await import('../program.js');
    const key = path.join(dir, 'key');
    await writeFile(key, `0x${'11'.repeat(32)}\n`, { mode: 0o600 });
    await writeFile(path.join(dir, 'network.json'), JSON.stringify(network));
    const { io, stderr } = testTerminal({ cwd: dir, env: { WEIGHBRIDGE_STATE: path.join(dir, 's') } });
    const code = await runCli(
      [
        'publish',
        path.join(dir, 'data.csv'),
        '--title',
        't',
        '--price',
        '1',
        '--terms',
        path.join(dir, 'terms.json'),
        '--network',
        'network.json',
        '--key-file',
        key,
      ],
      io,
      { sealingThreads: async () => Promise.reject(full) } as never,
    );
    expect(code).toBe(1);
    expect(stderr()).toMatch(/no space is left on this disk.*DISK_FULL/);
  });
});

function noise(length: number): string {
  let text = '';
  for (let i = 0; text.length < length; i++) text += createHash('sha256').update(String(i)).digest('base64');
  return text.slice(0, length);
}
