import { describe, expect, it } from 'vitest';
import type { Feature } from './declaration/features.js';
import { checkRows, MAX_BATCH_BYTES, MAX_ROWS_BYTES, MAX_SPOOL_BYTES, roomOf } from './fit-rows.js';
import type { ModelDeclaration } from './model-declaration.js';

type Part = Pick<ModelDeclaration, 'inputs' | 'features' | 'label' | 'privacy' | 'batchRows'>;

/** `width` numbers in float32. */
function job(width: number, change: Partial<Part> = {}): ModelDeclaration {
  const tensor: Feature = { kind: 'tensor', column: 'x', shape: [width], min: 0, max: 1 };
  const part: Part = {
    inputs: [{ name: 'x', shape: [width], dtype: 'float32' }],
    features: { x: [tensor] },
    label: { kind: 'class', column: 'y', classes: [0, 1] },
    privacy: 'none',
    batchRows: 256,
    ...change,
  };
  return part as ModelDeclaration;
}

const privacy = (of: object): Part['privacy'] => of as Part['privacy'];
const patients = (maxRows: number): Part['privacy'] => privacy({ unit: { kind: 'column', column: 'id', maxRows } });

function check(rowCount: number, declaration: ModelDeclaration): string {
  try {
    checkRows({ rowCount, pieces: [] }, declaration);
  } catch (error) {
    return error instanceof Error ? error.message : 'no error';
  }
  return 'fits';
}

describe('what the rows of a job take', () => {
  it.each<[Part['label'], number]>([
    [{ kind: 'class', column: 'y', classes: [0, 1] }, 4],
    [{ kind: 'class-map', column: 'y', shape: [3, 5], classes: 2 }, 60],
    [
      {
        kind: 'binary',
        columns: [
          { column: 'a', positive: 1 },
          { column: 'b', positive: 1 },
        ],
      },
      8,
    ],
    [{ kind: 'numbers', columns: [{ column: 'a', min: 0, max: 1 }] }, 4],
    [{ kind: 'tokens', input: 'x', pad: null }, 0],
  ])('is inputs and label: %o', (label, bytes) => {
    const room = roomOf({ rowCount: 10, pieces: [] }, job(3, { label }));
    expect(room).toEqual({ rowBytes: 12 + bytes, bytes: 10 * (12 + bytes), sealedBytes: 10 * (28 + bytes) });
  });

  it('counts rows that are held out where a run measures with them', () => {
    const pieces = [{ rowCount: 10 }, { rowCount: 4, holdout: true }] as Parameters<typeof roomOf>[0]['pieces'];
    const metric = { name: 'accuracy', bound: 1, noiseMultiplier: 1 };
    expect(roomOf({ rowCount: 10, pieces }, job(3, { privacy: privacy({ metric }) })).bytes).toBe(14 * 16);
    expect(roomOf({ rowCount: 10, pieces }, job(3)).bytes).toBe(10 * 16);
  });
});

describe('rows that do not fit memory', () => {
  const most = MAX_ROWS_BYTES / 16;

  it('are taken', () => {
    expect(check(most, job(3))).toBe('fits');
    expect(check(5_000_000, job(1_000))).toBe('fits');
  });

  it('are refused where their order alone does not', () => {
    expect(check(most + 1, job(3))).toMatch(/the order of \d+ rows/);
  });

  it('are refused where no disk is given for them', () => {
    const rows = Math.floor(MAX_SPOOL_BYTES / (40_004 + 16));
    expect(check(rows, job(10_000))).toBe('fits');
    expect(check(rows + 1, job(10_000))).toMatch(/of a worker's disk/);
  });

  it('are refused where those of one step do not', () => {
    const each = MAX_BATCH_BYTES / 256;
    expect(check(10_000, job((each - 4) / 4))).toBe('fits');
    expect(check(10_000, job((each - 4) / 4 + 1))).toMatch(/those of a step take/);
    expect(check(10_000, job((each - 4) / 4, { privacy: patients(2) }))).toMatch(/those of a step take/);
  });

  it('are refused where their units are too many', () => {
    expect(check(8_000_000, job(1_000, { privacy: patients(4) }))).toBe('fits');
    expect(check(9_000_000, job(1_000, { privacy: patients(4) }))).toMatch(/the order of 9000000 rows/);
    expect(check(9_000_000, job(1_000, { privacy: privacy({ unit: { kind: 'row' } }) }))).toBe('fits');
  });

  it('and do, as long as they do: nothing of this is asked of them', () => {
    expect(check(1_000, job(500_000))).toBe('fits');
  });
});
