import { setImmediate, setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../kernel/index.js';
import { Edge } from '../tiles/edge.js';
import { Deferred } from './deferred.js';
import { LeafFilter } from './leaf-filter.js';
import { nodeHasher } from './node-hasher.js';
import type { Batch, BatchWriter, NoteSigner } from './ports.js';
import { Sequencer, type SequencerOptions } from './sequencer.js';

/** A store in memory with a fence like PostgreSQL's, whose steps a test holds back or breaks. */
class FakeStore {
  size = 0;
  readonly entries = new Map<string, number>();
  readonly events: string[] = [];
  /** How many leaf hashes each lookup was of. */
  readonly lookups: number[] = [];
  holdStage: ((batch: Batch) => Promise<void>) | undefined;
  holdCommit: ((batch: Batch) => Promise<void>) | undefined;

  writer(): BatchWriter {
    return {
      lookup: async (hashes) => {
        this.lookups.push(hashes.length);
        return new Map(hashes.map((h) => [toHex(h), this.entries.get(toHex(h))] as const).filter(isKnown));
      },
      stage: async (batch) => {
        await this.holdStage?.(batch);
        this.events.push(`staged ${batch.from}`);
        return { commit: async () => this.commit(batch) };
      },
    };
  }

  private async commit(batch: Batch): Promise<void> {
    this.events.push(`fence ${batch.from}`);
    if (batch.from !== this.size) throw new Error('fenced');
    await this.holdCommit?.(batch);
    this.size += batch.entries.length;
    batch.entries.forEach(({ leafHash }, i) => this.entries.set(toHex(leafHash), batch.from + i));
    this.events.push(`committed ${batch.from}`);
  }
}

const isKnown = (pair: readonly [string, number | undefined]): pair is [string, number] => pair[1] !== undefined;
const signer: NoteSigner = { origin: 'log.example', sign: (size, root) => `${size} ${toHex(root)}` };
const entry = (i: number) => utf8(`entry ${i}`);

function sequencer(store: FakeStore, depth: number, options: Partial<SequencerOptions> = {}): Sequencer {
  const known = new LeafFilter();
  known.markComplete();
  const made = new Sequencer(
    { note: '', edge: Edge.empty(nodeHasher) },
    Array.from({ length: depth }, () => store.writer()),
    known,
    signer,
    { windowMs: 0, maxBatch: 2, maxQueue: 1000, ...options },
    { batch: () => undefined, duplicates: () => undefined },
  );
  made.start();
  return made;
}

describe('the sequencer', () => {
  it('gives indices in the order of arrival, across batches, and signs each tree', async () => {
    const store = new FakeStore();
    const log = sequencer(store, 2);
    const answers = await Promise.all([0, 1, 2, 3, 4, 5, 6].map(async (i) => log.append(entry(i))));
    expect(answers.map((a) => a.index)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const edge = Edge.empty(nodeHasher);
    edge.append([0, 1, 2, 3, 4, 5, 6].map((i) => nodeHasher.leaf(entry(i))));
    expect(log.committed.note).toBe(`7 ${toHex(edge.root())}`);
    await log.stop();
  });

  it('stages the next batch while one commits, and sends its fence only after that COMMIT answered', async () => {
    const store = new FakeStore();
    const gate = new Deferred<void>();
    store.holdCommit = async (batch) => (batch.from === 0 ? gate.promise : undefined);
    const log = sequencer(store, 2);
    const answers = [0, 1, 2, 3].map(async (i) => log.append(entry(i)));
    while (!store.events.includes('staged 2')) await setImmediate();
    await setTimeout(20);
    expect(store.events).toEqual(['staged 0', 'fence 0', 'staged 2']);
    gate.resolve();
    expect((await Promise.all(answers)).map((a) => a.index)).toEqual([0, 1, 2, 3]);
    expect(store.events.slice(3)).toEqual(['committed 0', 'fence 2', 'committed 2']);
    await log.stop();
  });

  it('waits for the window to be over, for as many as are worth a batch, or for the end', async () => {
    const store = new FakeStore();
    const log = sequencer(store, 2, { windowMs: 3_600_000, maxBatch: 2048 });
    const some = (from: number, to: number) =>
      Array.from({ length: to - from }, async (_, i) => log.append(entry(from + i)));
    // There was no cut before.
    await Promise.all(some(0, 1));
    const most = some(1, 128);
    await setTimeout(20);
    expect(store.size).toBe(1);
    const all = await Promise.all([...most, ...some(128, 129)]);
    expect(all.map(({ index }) => index)).toEqual(Array.from({ length: 128 }, (_, i) => i + 1));
    const last = some(129, 132);
    await setTimeout(20);
    expect(store.size).toBe(129);
    await log.stop();
    expect((await Promise.all(last)).map(({ index }) => index)).toEqual([129, 130, 131]);
  });

  it('shares what waits with the writers that are free too, but not so little that it is not worth a batch', async () => {
    const cuts = async (waiting: number, depth: number): Promise<number[]> => {
      const store = new FakeStore();
      const sizes: number[] = [];
      store.holdStage = async ({ entries }) => {
        sizes.push(entries.length);
        // Until all is cut: a writer that is free again would get a share, too.
        while (sizes.reduce((sum, size) => sum + size, 0) < waiting) await setImmediate();
      };
      const log = sequencer(store, depth, { maxBatch: 2048 });
      await Promise.all(Array.from({ length: waiting }, async (_, i) => log.append(entry(i))));
      await log.stop();
      return sizes;
    };
    expect(await cuts(1000, 2)).toEqual([500, 500]);
    expect(await cuts(1000, 1)).toEqual([1000]);
    expect(await cuts(130, 2)).toEqual([128, 2]);
    expect(await cuts(100, 2)).toEqual([100]);
  });

  it('commits in order when a later batch is staged first', async () => {
    const store = new FakeStore();
    const gate = new Deferred<void>();
    store.holdStage = async (batch) => (batch.from === 0 ? gate.promise : undefined);
    const log = sequencer(store, 2);
    const answers = [0, 1, 2, 3].map(async (i) => log.append(entry(i)));
    while (!store.events.includes('staged 2')) await setImmediate();
    gate.resolve();
    await Promise.all(answers);
    expect(store.events).toEqual(['staged 2', 'staged 0', 'fence 0', 'committed 0', 'fence 2', 'committed 2']);
    await log.stop();
  });

  it('answers nobody before the commit', async () => {
    const store = new FakeStore();
    const gate = new Deferred<void>();
    store.holdCommit = async () => gate.promise;
    const log = sequencer(store, 1);
    let answered = false;
    const answer = log.append(entry(0)).then(() => (answered = true));
    while (!store.events.includes('fence 0')) await setImmediate();
    await setTimeout(10);
    expect(answered).toBe(false);
    expect(log.committed.edge.size).toBe(0);
    gate.resolve();
    await answer;
    await log.stop();
  });

  it('answers a repeat with the first index: in one batch, on its way, and long after', async () => {
    const store = new FakeStore();
    const gate = new Deferred<void>();
    store.holdCommit = async (batch) => (batch.from === 0 ? gate.promise : undefined);
    const log = sequencer(store, 2);
    const early = [log.append(entry(0)), log.append(entry(0)), log.append(entry(1))];
    while (!store.events.includes('fence 0')) await setImmediate();
    early.push(log.append(entry(0)), log.append(entry(2)));
    gate.resolve();
    expect((await Promise.all(early)).map((a) => a.index)).toEqual([0, 0, 1, 0, 2]);
    expect((await Promise.all([log.append(entry(1)), log.append(entry(3))])).map((a) => a.index)).toEqual([1, 3]);
    expect(store.size).toBe(4);
    // Of all these, the database was asked only about the one that the log had by then.
    expect(store.lookups).toEqual([1]);
    await log.stop();
  });

  it('after a failure answers all who wait, commits nothing more, and takes nothing more', async () => {
    const store = new FakeStore();
    const gate = new Deferred<void>();
    store.holdCommit = async (batch) => {
      if (batch.from > 0) return;
      await gate.promise;
      throw new Error('the wire broke');
    };
    const log = sequencer(store, 2);
    const answers = Promise.allSettled([0, 1, 2, 3, 4, 5].map(async (i) => log.append(entry(i))));
    while (!store.events.includes('staged 2')) await setImmediate();
    gate.resolve();
    for (const answer of await answers) {
      expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'LOG_UNAVAILABLE', retryable: true } });
    }
    await expect(log.untilFailure()).rejects.toThrow('the wire broke');
    await expect(log.append(entry(9))).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    await setTimeout(10);
    expect(store.events).not.toContain('fence 2');
    expect(log.committed.edge.size).toBe(0);
    await log.stop();
  });

  it('refuses more than may wait, and writes what waits before it stops', async () => {
    const store = new FakeStore();
    const log = sequencer(store, 1, { maxQueue: 3, windowMs: 50 });
    await log.append(entry(100));
    const answers = [0, 1, 2, 3, 4].map(async (i) => log.append(entry(i)));
    const stopped = log.stop();
    const settled = await Promise.allSettled(answers);
    expect(settled.map((s) => s.status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected']);
    await stopped;
    expect(store.size).toBe(4);
  });
});
