import * as Piece from '@filoz/synapse-core/piece';
import { expect, test } from 'vitest';

// A machine without a prebuilt binary: the package is told to load one that is not there. Before anything imports it.
process.env['NAPI_RS_NATIVE_LIBRARY_PATH'] = '/nowhere/hashtree.node';

test('without the native binary the piece CID is the same, and whoever asks is told', async () => {
  const { isNative, SLOW_HASH } = await import('./sha256-pairs.js');
  expect(isNative).toBe(false);
  expect(SLOW_HASH).toContain('slower');
  const { PieceHasher } = await import('./commp.js');
  for (const size of [127, 5000, 300_001]) {
    const bytes = new Uint8Array(size).map((_, i) => (i * 2_654_435_761) >>> 24);
    expect(new PieceHasher().write(bytes).digest()).toBe(Piece.calculate(bytes).toString());
  }
});
