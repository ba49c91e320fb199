import * as fc from 'fast-check';

const { FUZZ_RUNS, FUZZ_PART = '1/1' } = process.env;

/** Which part of how many this process does: FUZZ_PART=3/8. */
export const [fuzzPart = 1, fuzzParts = 1] = FUZZ_PART.split('/').map(Number);

/** How many cases a property is tried with: `npm run fuzz` sets FUZZ_RUNS, an ordinary run takes few. No two parts draw the same. */
export const fuzzRuns = (usual: number): number =>
  FUZZ_RUNS === undefined ? usual : Math.ceil(Number(FUZZ_RUNS) / fuzzParts);

const codePoint = fc.nat({ max: 0x10ffff - 0x800 }).map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800));

/** Any characters of Unicode. fast-check's own `binary` unit takes 1.5 s of CPU to make a table of them all first. */
export const anyText = (maxLength: number): fc.Arbitrary<string> => fc.string({ unit: codePoint, maxLength });

/** Of a property that is tried so often. */
export const FUZZ_TIMEOUT_MS = 3_600_000;

/** A good file cut up: pieces dropped, doubled and moved, and strangers put in; most are not good any more. */
export const mangledBytes = (good: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc
    .array(
      fc.record({
        at: fc.nat({ max: good.length }),
        drop: fc.nat({ max: 24 }),
        insert: fc.oneof(
          fc.uint8Array({ maxLength: 8 }),
          fc.nat({ max: good.length }).map((from) => good.slice(from, from + 24)),
          fc.constantFrom(0x00, 0x7f, 0x80, 0xff).map((byte) => new Uint8Array(8).fill(byte)),
        ),
      }),
      { minLength: 1, maxLength: 4 },
    )
    .map((edits) =>
      edits.reduce<Uint8Array>(
        (all, { at, drop, insert }) => Buffer.concat([all.subarray(0, at), insert, all.subarray(at + drop)]),
        good,
      ),
    );
