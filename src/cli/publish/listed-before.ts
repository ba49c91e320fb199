import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { jsonDigest, WeighbridgeError, type Address, type Network } from '../../kernel/index.js';
import type { StateDir } from '../state/state-dir.js';
import { shortId } from '../ui/text.js';
import { journalIn } from './journal.js';
import type { PublishPlan } from './plan.js';

/**
 * Names a file of a seller on a market, whatever it is listed as.
 * @param data - SHA-256 of the file
 */
export function rowsOf(data: string, seller: Address, { chainId, contracts }: Network): string {
  return jsonDigest({ data, seller, chainId, marketplace: contracts.marketplace });
}

/**
 * Another price or title makes another publish, and without a word it would make another dataset: with a privacy budget of its own, so
 * that of one row twice as much may leak as its seller has set.
 * @throws WeighbridgeError BAD_INPUT if this machine listed the file as a dataset of which this is not said to be a version
 */
export async function assertNotListed(rows: string, { newVersionOf }: PublishPlan, state: StateDir): Promise<void> {
  if (newVersionOf !== undefined) return;
  const folder = path.dirname(state.publish(rows));
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const { rows: known, listed } = (await journalIn(path.join(folder, entry.name))).now();
    if (known !== rows || listed === undefined) continue;
    throw new WeighbridgeError('BAD_INPUT', `this file is listed already, as dataset ${shortId(listed.id)}`, {
      next:
        `For another price, title or terms give --new-version-of ${shortId(listed.id)}: what was spent of its privacy budget stays spent. ` +
        'With --list-again the same rows get a second budget beside the first.',
      details: { dataset: listed.id },
    });
  }
}
