import * as fc from 'fast-check';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { anyText, fuzzRuns } from '../../../test/support/fuzz.js';
import { provenanceStory } from '../../../test/support/provenance-story.js';
import { logVkey, signNote, trust } from '../../../test/support/noted-log.js';
import { storyReceipt } from '../../../test/support/story-receipt.js';
import { isWeighbridgeError, utf8 } from '../../kernel/index.js';
import { parseEntry } from '../record.js';
import { decodeBundle, encodeBundle } from '../tiles/bundle.js';
import { parseTilePath, tilePath } from '../tiles/tile-path.js';
import { formatAddCheckpoint, parseAddCheckpoint } from '../witness/add-checkpoint.js';
import { fromBase64, toBase64 } from './base64.js';
import { decodeUtf8 } from './canonical.js';
import { CHECK_CODES } from './checks.js';
import { formatCheckpoint, parseCheckpoint, verifyCheckpoint } from './checkpoint.js';
import { formatNote, parseNote, parseVerifierKey } from './note.js';
import { EMPTY_ROOT } from './rfc6962.js';
import { formatTlogProof, parseTlogProof } from './tlog-proof.js';
import { receiptChecks } from './verify-receipt.js';

const numRuns = fuzzRuns(1000);
vi.setConfig({ testTimeout: 3_600_000 });

let receipt: Uint8Array;
let entry: Uint8Array;
const note = signNote(formatCheckpoint({ origin: trust.log.origin, size: 5, root: EMPTY_ROOT }), { witnessed: true });
const request = formatAddCheckpoint({ oldSize: 3, proof: [EMPTY_ROOT, EMPTY_ROOT], note });
const proof = formatTlogProof({ index: 3, hashes: [EMPTY_ROOT, EMPTY_ROOT], checkpoint: note });

beforeAll(async () => {
  entry = (await provenanceStory()).entries.granted;
  receipt = await storyReceipt();
});

/** A real text cut up: pieces dropped, doubled, moved, and strangers put in. */
const mangled = (text: () => string): fc.Arbitrary<string> =>
  fc
    .array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        drop: fc.nat({ max: 40 }),
        insert: fc.oneof(
          anyText(8),
          fc.constantFrom('\n', '\n\n', '— ', '=', '"', '{', '0', '-1', 'A', '__proto__', '\u0000', '\ufeff'),
        ),
      }),
      { minLength: 1, maxLength: 4 },
    )
    .map((edits) =>
      edits.reduce((all, { at, drop, insert }) => {
        const i = Math.floor(at * all.length);
        return all.slice(0, i) + insert + all.slice(i + drop);
      }, text()),
    );

/** Either it reads the text and writes the same again, or it refuses with one of our errors. Nothing else. */
function readsOrRefuses<T>(read: (text: string) => T, write: (value: T) => string) {
  return (text: string): void => {
    try {
      expect(write(read(text))).toBe(text);
    } catch (error) {
      if (!isWeighbridgeError(error)) throw error;
    }
  };
}

const anything = (text: () => string): fc.Arbitrary<string> => fc.oneof(anyText(300), mangled(text));

describe('parsers of hostile text', () => {
  const check = (text: () => string, property: (text: string) => void): void =>
    fc.assert(fc.property(anything(text), property), { numRuns });

  it('read notes', () => check(() => note, readsOrRefuses(parseNote, formatNote)));
  it('read checkpoints', () =>
    check(() => note.split('\n\n')[0] + '\n', readsOrRefuses(parseCheckpoint, formatCheckpoint)));
  it('read tlog-proofs', () => check(() => proof, readsOrRefuses(parseTlogProof, formatTlogProof)));
  it('read add-checkpoint requests', () =>
    check(() => request, readsOrRefuses(parseAddCheckpoint, formatAddCheckpoint)));
  it('read base64', () => check(() => toBase64(entry), readsOrRefuses(fromBase64, toBase64)));
  it('read tile paths', () => check(() => 'tile/0/x001/x234/067.p/12', readsOrRefuses(parseTilePath, tilePath)));
  it('read verifier keys', () =>
    check(
      () => logVkey,
      (text) => {
        try {
          parseVerifierKey(text);
          expect(text).toBe(logVkey);
        } catch (error) {
          if (!isWeighbridgeError(error)) throw error;
        }
      },
    ));

  it('accept no changed checkpoint', () =>
    check(
      () => note,
      (text) => {
        try {
          const checkpoint = verifyCheckpoint(text, trust);
          // The log's part of it must be untouched; lines of others may come and go.
          expect(formatCheckpoint(checkpoint)).toBe(note.slice(0, note.indexOf('\n\n') + 1));
        } catch (error) {
          if (!isWeighbridgeError(error)) throw error;
        }
      },
    ));

  it('read bundles', () => {
    const bundle = encodeBundle([entry, utf8('x'), new Uint8Array()]);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.nat({ max: bundle.length }), fc.nat(255)).map(([i, b]) => bundle.map((x, j) => (i === j ? b : x))),
    );
    fc.assert(
      fc.property(bytes, fc.nat({ max: 256 }), (data, count) => {
        try {
          const entries = decodeBundle(data, count);
          expect(encodeBundle(entries)).toEqual(data.slice(0, encodeBundle(entries).length));
        } catch (error) {
          if (!isWeighbridgeError(error)) throw error;
        }
      }),
      { numRuns },
    );
  });

  it('read entries', () =>
    check(
      () => decodeUtf8(entry),
      (text) => {
        try {
          parseEntry(utf8(text));
        } catch (error) {
          if (!isWeighbridgeError(error)) throw error;
        }
      },
    ));

  it('refuse every changed receipt with a named check', async () => {
    await fc.assert(
      fc.asyncProperty(
        anything(() => decodeUtf8(receipt)),
        async (text) => {
          if (text === decodeUtf8(receipt)) return;
          for await (const result of receiptChecks(utf8(text), trust)) {
            if (result.ok) continue;
            expect(CHECK_CODES).toContain(result.code);
            expect(result.code).not.toBe('UNEXPECTED');
            return;
          }
          throw new Error('a changed receipt passed');
        },
      ),
      { numRuns },
    );
  });

  it('refuse JSON of any shape as a receipt', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), async (json) => {
        for await (const result of receiptChecks(utf8(`${json}\n`), trust)) {
          expect(result).toMatchObject({ name: 'file', ok: false });
        }
      }),
      { numRuns },
    );
  });
});
