import { sameBytes } from '../../kernel/index.js';
import { VerifiedTree, type LogReader } from '../../provenance/index.js';
import type { Check, TreeHead } from '../../provenance/verify/index.js';
import type { ChainReader } from '../ports.js';
import { headOnChain } from './log-reader.js';

/** One comparison of the log with somebody else's memory. */
export interface AuditComparison extends Check {
  with: string;
  /** What a pass adds to what the log alone can prove. */
  adds: string;
}

/** The log against the newest root that the chain keeps. @throws WeighbridgeError CHAIN_UNAVAILABLE, LOG_UNAVAILABLE */
export async function compareWithAnchor(log: LogReader, head: TreeHead, chain: ChainReader): Promise<AuditComparison> {
  const base = {
    with: 'the chain',
    name: 'chain:anchor',
    adds: 'the log shows you the history that it shows the chain: it can neither be rewritten nor shown differently to each',
    restsOn: 'the chain, as the RPC node tells it',
  };
  const anchored = headOnChain(await chain.anchored());
  const fail = (detail: string): AuditComparison => ({ ...base, ok: false, code: 'CHAIN_DISAGREES', detail });
  if (anchored.size === 0) return { ...base, ok: true, detail: 'nothing is anchored yet: nothing to compare' };
  if (anchored.size > head.size) return fail(`the chain knows ${anchored.size} entries, the log shows ${head.size}`);
  const tree = await VerifiedTree.open(async (path) => log.tile(path), head);
  const root = await tree.rangeHash(0, anchored.size);
  if (!sameBytes(root, anchored.root))
    return fail(`the first ${anchored.size} entries are not those that were anchored`);
  return {
    ...base,
    ok: true,
    detail: `the first ${anchored.size} of ${head.size} entries make the root that LogAnchor holds`,
  };
}
