// Real and faked: see test/support/publishing.ts.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { dir, linesOf, linesOfFile, manifest, publishing, run, world } from '../../../test/support/publishing.js';

publishing();

describe('a publish with rows held out', () => {
  const sides = async (): Promise<{ training: string[]; heldOut: string[] }> => ({
    training: await linesOf(20_000, ({ holdout }) => holdout === undefined),
    heldOut: await linesOf(20_000, ({ holdout }) => holdout === true),
  });
  const options = { holdout: 0.2, shardBytes: '20000' };
  const withBudget = async (unit: object = {}): Promise<void> => {
    const file = path.join(dir, 'terms.json');
    const budget = { epsilon: 10, delta: 1e-5, maxEpsilonPerJob: 3, pricePerEpsilon: '0.5', ...unit };
    const terms = JSON.parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, JSON.stringify({ ...terms, privacy: { budget } }));
  };
  beforeEach(async () => withBudget());

  it('divides them into pieces that train and, after those, pieces that do not', async () => {
    const done = await run(options);
    const { training, heldOut } = await sides();
    expect([...training, ...heldOut].toSorted()).toEqual((await linesOfFile()).toSorted());
    // Drawn by a fresh key: 200 of 1,000 expected, these bounds are eight standard deviations away.
    expect(heldOut.length).toBeGreaterThan(95);
    expect(heldOut.length).toBeLessThan(305);
    expect(done.rowCount).toBe(training.length);
    expect(manifest().rowCount).toBe(training.length);
    const marks = manifest().pieces.map(({ holdout }) => Number(holdout === true));
    expect(marks).toEqual(marks.toSorted((a, b) => a - b));
    expect(world.listings[0]).toMatchObject({ terms: { privacy: { holdout: 0.2 } } });
  });

  it('keeps both sides apart while they are on their way at the same time', async () => {
    world.gate = sleep(500);
    await run({ holdout: 0.2 });
    expect(manifest().pieces).toHaveLength(2);
    expect((await linesOf()).toSorted()).toEqual((await linesOfFile()).toSorted());
  });

  it('leaves each row on its side in the next version, and equal rows on one', async () => {
    const first = await run(options);
    const { heldOut } = await sides();
    const lines = await linesOfFile();
    await writeFile(
      path.join(dir, 'data.csv'),
      `x,y,note\n${[...lines, ...lines, '3,a,new'].toReversed().join('\n')}\n`,
    );
    await run({ ...options, newVersionOf: first.id });
    const after = await sides();
    expect(after.heldOut.filter((line) => line !== '3,a,new').toSorted()).toEqual([...heldOut, ...heldOut].toSorted());
  });

  it('keeps all rows of a protected unit on one side', async () => {
    await withBudget({ unitColumn: 'x' });
    await run({ ...options, holdout: 0.5 });
    const { training, heldOut } = await sides();
    const units = (side: string[]) => new Set(side.map((line) => line.split(',')[0]));
    expect(units(training).size + units(heldOut).size).toBe(17);
  });

  it('refuses a file of which nothing is left for a side', async () => {
    await writeFile(path.join(dir, 'data.csv'), 'x,y,note\n3,b,alone\n');
    await expect(run(options)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('one side is empty'),
    });
    expect(world.listings).toEqual([]);
  });
});
