import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../../test/support/memory-log.js';
import { utf8 } from '../../kernel/index.js';
import { Edge } from '../tiles/edge.js';
import { tilePath } from '../tiles/tile-path.js';
import { nodeHasher } from './node-hasher.js';
import { assertExtendsAnchor } from './startup-guard.js';

// Real: tiles, hashes. Faked: where the tiles come from; log-witnesses.spec.ts starts the process against a chain.
const entriesOf = (count: number, history = ''): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => utf8(`entry ${i}${i < 100 ? '' : history}`));

async function start(entries: readonly Uint8Array[], anchored: readonly Uint8Array[]): Promise<void> {
  const { tiles } = memoryLog(entries);
  const edge = Edge.empty(nodeHasher);
  edge.append(entries.map(nodeHasher.leaf));
  const tile = async (name: Parameters<typeof tilePath>[0]) => tiles.get(tilePath(name)) ?? new Uint8Array();
  await assertExtendsAnchor({ tile }, edge, memoryLog(anchored).head);
}

describe('a log that starts', () => {
  it.each([0, 1, 255, 256, 300, 600])('goes on above what was anchored at %i of its 600 entries', async (size) => {
    await expect(start(entriesOf(600), entriesOf(size))).resolves.toBeUndefined();
  });

  it.each([
    ['with fewer entries than were anchored', 299],
    ['with as many, and others', 300],
    ['with more, and others', 600],
  ])('refuses to sign %s', async (_what, size) => {
    await expect(start(entriesOf(size, ' otherwise'), entriesOf(300))).rejects.toMatchObject({
      code: 'LOG_BEHIND_ANCHOR',
      details: { anchoredSize: 300, logSize: size },
    });
  });
});
