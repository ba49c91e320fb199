import { describe, expect, it } from 'vitest';
import { signNote, trust } from '../../../test/support/noted-log.js';
import { toBase64 } from './base64.js';
import { formatCheckpoint } from './checkpoint.js';
import { EMPTY_ROOT } from './rfc6962.js';
import { formatTlogProof, parseTlogProof } from './tlog-proof.js';

const checkpoint = signNote(formatCheckpoint({ origin: trust.log.origin, size: 5, root: EMPTY_ROOT }));
const proof = { index: 3, hashes: [EMPTY_ROOT, EMPTY_ROOT], checkpoint };
const text = formatTlogProof(proof);
const line = `${toBase64(EMPTY_ROOT)}\n`;

describe('a tlog-proof', () => {
  it('is read back, with extra data and without', () => {
    expect(parseTlogProof(text)).toEqual(proof);
    const more = { ...proof, extra: Uint8Array.of(1, 2, 3) };
    expect(parseTlogProof(formatTlogProof(more))).toEqual(more);
    expect(parseTlogProof(text.replace(line, line.repeat(62))).hashes).toHaveLength(63);
  });

  it.each([
    ['another first line', text.replace('@v1', '@v2')],
    ['no index', text.replace('index 3\n', '')],
    ['a negative index', text.replace('index 3', 'index -1')],
    ['an index with a zero before', text.replace('index 3', 'index 03')],
    ['an index beyond what is held exactly', text.replace('index 3', 'index 9007199254740993')],
    ['more hashes than any tree is high', text.replace(line, line.repeat(63))],
    ['a hash of 31 bytes', text.replace(line, `${toBase64(EMPTY_ROOT.slice(1))}\n`)],
    ['a hash in another spelling', text.replace(line, line.replace('=', ''))],
    ['extra data after the index', text.replace('index 3\n', 'index 3\nextra AQID\n')],
    ['no checkpoint', text.slice(0, text.indexOf('\n\n'))],
  ])('has not %s', (_what, bad) => {
    expect(() => parseTlogProof(bad)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  });
});
