import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../kernel/index.js';
import type { AnchorableCheckpoint } from '../ports.js';
import { Edge } from '../tiles/edge.js';
import { CheckpointPublisher } from './checkpoint-publisher.js';
import { Deferred } from './deferred.js';
import { nodeHasher } from './node-hasher.js';

/** A log in memory whose cosigner and store a test holds back or breaks. */
class FakeLog {
  readonly edge = Edge.empty(nodeHasher);
  readonly stored: AnchorableCheckpoint[] = [this.checkpoint()];
  readonly asked: number[] = [];
  readonly waiting: unknown[] = [];
  hold: () => Promise<void> = async () => undefined;
  holdStore: () => Promise<void> = async () => undefined;

  append(count: number): void {
    for (let i = 0; i < count; i++) this.edge.append([nodeHasher.leaf(utf8(`${this.edge.size}`))]);
  }

  async publisher(): Promise<CheckpointPublisher> {
    return CheckpointPublisher.open({
      committed: () => ({ edge: this.edge.clone(), note: `note ${this.edge.size}` }),
      reader: { tile: async () => new Uint8Array() },
      cosigner: {
        cosign: async ({ size, root, note }) => {
          this.asked.push(size);
          await this.hold();
          return { size, root: toHex(root), note: `${note} cosigned`, signatures: [] };
        },
      },
      store: {
        newest: async () => this.stored.at(-1) ?? this.checkpoint(),
        add: async (checkpoint) => {
          await this.holdStore();
          this.stored.push(checkpoint);
        },
      },
      onWaiting: (error) => this.waiting.push(error),
    });
  }

  private checkpoint(): AnchorableCheckpoint {
    return { size: this.edge.size, root: toHex(this.edge.root()), note: 'note', signatures: [] };
  }
}

describe('the publisher', () => {
  it('shows a checkpoint once it is cosigned and stored, not before', async () => {
    const log = new FakeLog();
    const publisher = await log.publisher();
    const gate = new Deferred<void>();
    const disk = new Deferred<void>();
    log.hold = async () => gate.promise;
    log.holdStore = async () => disk.promise;
    log.append(3);
    const fresh = publisher.fresh(5_000);
    await setTimeout(10);
    expect(publisher.published.size).toBe(0);
    gate.resolve();
    await setTimeout(10);
    expect(publisher.published.size).toBe(0);
    disk.resolve();
    expect(await fresh).toMatchObject({ size: 3, note: 'note 3 cosigned' });
    expect(log.stored.map(({ size }) => size)).toEqual([0, 3]);
  });

  it('publishes by itself when there is something new, and only then', async () => {
    const log = new FakeLog();
    const publisher = await log.publisher();
    publisher.start(5);
    // The empty tree too: readers ask for a quorum before there is an entry.
    await expect.poll(() => publisher.published.note).toBe('note 0 cosigned');
    await setTimeout(30);
    expect(log.asked).toEqual([0]);
    log.append(1);
    await expect.poll(() => publisher.published.size).toBe(1);
    await publisher.stop();
    log.append(1);
    await setTimeout(20);
    expect(log.asked).toEqual([0, 1]);
  });

  it('asks once for all who wait, and again for what came meanwhile', async () => {
    const log = new FakeLog();
    const publisher = await log.publisher();
    const gate = new Deferred<void>();
    log.hold = async () => gate.promise;
    log.append(1);
    const early = [publisher.fresh(5_000), publisher.fresh(5_000)];
    await setTimeout(5);
    log.append(1);
    const late = publisher.fresh(5_000);
    gate.resolve();
    expect((await Promise.all(early)).every(({ size }) => size >= 1)).toBe(true);
    expect((await late).size).toBe(2);
    expect(log.asked).toEqual([1, 2]);
  });

  it('answers with the older one when the cosigner is slow or fails, and says why', async () => {
    const log = new FakeLog();
    const publisher = await log.publisher();
    const gate = new Deferred<void>();
    log.hold = async () => gate.promise;
    log.append(1);
    expect((await publisher.fresh(20)).size).toBe(0);
    gate.reject(new Error('no quorum'));
    await expect.poll(async () => (await publisher.fresh(20)).size).toBe(0);
    expect(log.waiting.map(String)).toContain('Error: no quorum');
    log.hold = async () => undefined;
    expect((await publisher.fresh(1_000)).size).toBe(1);
  });
});
