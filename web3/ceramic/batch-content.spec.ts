import { expect, it } from 'vitest';
import { batchOf, randomWord } from '../../test/support/ceramic-batches.js';
import { fromContent, MAX_RECORDS_CHARS, toContent } from './batch-content.js';

it('says a batch in one text and reads it back', () => {
  for (const batch of [batchOf(randomWord(), 1), batchOf(randomWord(), 1_000, 9_007_199_254_000_000)]) {
    const content = toContent(batch);
    expect(content.records.length).toBeLessThanOrEqual(MAX_RECORDS_CHARS);
    expect(fromContent(content)).toEqual({ success: true, data: batch });
  }
});

const hash = 'c'.repeat(64);
it.each([
  ['no text', [{ index: 0, leafHash: hash }]],
  ['nothing', ''],
  ['no last newline', `0 ${hash}`],
  ['a blank line', `0 ${hash}\n\n`],
  ['an index spelled otherwise', `00 ${hash}\n`],
  ['a number that is not exact', `9999999999999999 ${hash}\n`],
  ['a hash in capitals', `0 ${hash.toUpperCase()}\n`],
  ['a space more', `0  ${hash}\n`],
  ['another line end', `0 ${hash}\r\n`],
  ['another count than it says', `0 ${hash}\n1 ${hash}\n`],
])('refuses records that are %s', (_what, records) => {
  expect(fromContent({ ...toContent(batchOf(randomWord(), 1)), records }).success).toBe(false);
});
