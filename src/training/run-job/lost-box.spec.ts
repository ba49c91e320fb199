// Real: the state machine, record sealing, key derivation, the refusal rules. Faked at the ports: database row, log, chain,
// key nodes, storage and sandbox, each by a few lines that fail as the test asks.
import { describe, expect, it } from 'vitest';
import { trainer } from '../../../test/support/provenance-story.js';
import { order, orderId, world } from '../../../test/support/run-job-world.js';
import { WeighbridgeError } from '../../kernel/index.js';
import type { RunJobDeps } from './deps.js';
import { runJob } from './run-job.js';

describe('a run whose box is lost', () => {
  const killed = new WeighbridgeError('TRAINER_FAILED', 'killed', {
    next: 'test',
    details: { reason: 'out-of-memory', exitCode: 137 },
  });

  /** A sandbox whose boxes get so far, give their state away, and are killed; it notes where each began. */
  function losing(...steps: (number | undefined)[]) {
    const begun: (number[] | undefined)[] = [];
    const { deps, stored, row } = world({ state: 'training', jobDigest: order.jobDigest });
    const train: RunJobDeps['trainer']['train'] = async ({ checkpoints }) => {
      begun.push(checkpoints?.begin && [...checkpoints.begin]);
      const step = steps[begun.length - 1];
      if (step !== undefined) await checkpoints?.keep(Uint8Array.of(step), step);
      throw killed;
    };
    const declaration = { ...row().declaration, features: {} };
    const manifest = { pieces: [], wrappedKey: {} } as unknown as Awaited<ReturnType<RunJobDeps['manifestOf']>>;
    Object.assign(deps, {
      jobs: { ...deps.jobs, get: async () => ({ ...row(), declaration }) },
      manifestOf: async () => manifest,
      blobs: { read: async () => new Uint8Array(0) },
      trainer: { train, assertAvailable: async () => trainer, close: async () => undefined },
    });
    return { deps, stored, row, begun };
  }

  it('goes on from its last state, which lies sealed, and leaves nothing behind', async () => {
    const { deps, stored, row, begun } = losing(9, 12, undefined);
    await expect(runJob(deps, orderId, 0)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    expect(stored.get(orderId)).toHaveLength(12 + 1 + 16);
    await expect(runJob(deps, orderId, 1)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    // The third gets no further than the second: another would not either.
    await runJob(deps, orderId, 2);
    expect(begun).toEqual([undefined, [9], [12]]);
    expect(row()).toMatchObject({ state: 'refunding', reason: 'out-of-memory' });
    expect(stored.size).toBe(0);
  });

  it('tells how much of its rows it has again, beside the steps that were done', async () => {
    const { deps, row } = losing(undefined);
    const told: unknown[] = [];
    const declaration = { ...row().declaration, features: {} };
    Object.assign(deps, {
      jobs: { ...deps.jobs, get: async () => ({ ...row(), declaration, progressStep: 7, progressOf: 20 }) },
      manifestOf: async () => ({ pieces: [{ pieceCid: 'piece', sizeBytes: 8 }], wrappedKey: {} }),
      pieces: {
        async *download(pieceCid: string, _signal: AbortSignal, onProgress: (fetchedBytes: number) => void) {
          onProgress(8);
          yield Buffer.from(pieceCid);
        },
      },
      report: async (progress: unknown) => void told.push(progress),
    });
    deps.trainer.train = async ({ pieces }, signal) => {
      for await (const bytes of pieces[0]?.(signal) ?? []) told.push(String(bytes));
      throw killed;
    };
    await runJob(deps, orderId, 0);
    const fetched = { state: 'training', step: 7, of: 20, fetchedBytes: 8, toFetchBytes: 8 };
    expect(told).toEqual(expect.arrayContaining([fetched, 'piece']));
  });

  it.each<[string, (lost: ReturnType<typeof losing>) => void]>([
    [
      'the engine is another',
      ({ deps }) => Object.assign(deps.trainer, { assertAvailable: async () => ({ ...trainer, threads: 64 }) }),
    ],
    ['the seed is another', ({ deps }) => Object.assign(deps, { workerSeed: new Uint8Array(32) })],
    ['the rows are others', ({ row }) => Object.assign(row().offer, { manifestDigest: order.salt })],
    ['the declaration is another', ({ row }) => Object.assign(row(), { jobDigest: order.salt })],
  ])('starts from its beginning where %s', async (_what, change) => {
    const lost = losing(9, undefined);
    const { deps, stored, begun } = lost;
    await expect(runJob(deps, orderId, 0)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    change(lost);
    const { train } = deps.trainer;
    const lying: number[] = [];
    deps.trainer.train = async (...given) => (lying.push(stored.size), train(...given));
    await runJob(deps, orderId, 1);
    expect(begun).toEqual([undefined, undefined]);
    // What the other one computed with this seed is gone before this one begins.
    expect(lying).toEqual([0]);
  });

  it.each<[string, number, boolean]>([
    ['it ended by itself', 1, true],
    ['the disk took none of its state', 137, false],
  ])('is not followed by another where %s', async (_what, exitCode, isWritten) => {
    const { deps, row } = losing();
    deps.checkpoints.write = async () => isWritten;
    deps.trainer.train = async ({ checkpoints }) => {
      await checkpoints?.keep(Uint8Array.of(9), 9);
      throw new WeighbridgeError('TRAINER_FAILED', 'ended', { next: 'test', details: { exitCode } });
    };
    await runJob(deps, orderId, 0);
    expect(row()).toMatchObject({ state: 'refunding', reason: 'trainer-failed' });
  });
});
