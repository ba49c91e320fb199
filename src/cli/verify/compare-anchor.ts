import { isWeighbridgeError, toHex } from '../../kernel/index.js';
import { readEntry, VerifiedTree, type LogReader } from '../../provenance/index.js';
import {
  parseTlogProof,
  pureHasher,
  RECEIPT_RECORDS,
  type Check,
  type Receipt,
} from '../../provenance/verify/index.js';
import { headOnChain } from '../audit/log-reader.js';
import type { ChainReader } from '../ports.js';

/**
 * Holds the receipt's records against the newest root that LogAnchor keeps. The tiles come from the log but are believed
 * only as far as they make the root of the chain: so a log that shows auditors another history than the chain is caught.
 */
export async function compareAnchor(receipt: Receipt, chain: ChainReader, log: LogReader): Promise<Check> {
  const head = headOnChain(await chain.anchored());
  const base = { name: 'chain:anchor', restsOn: 'the chain, as the RPC node tells it' };
  const disagree = (detail: string): Check => ({ ...base, ok: false, code: 'CHAIN_DISAGREES', detail });
  const under: string[] = [];
  try {
    const tree = await VerifiedTree.open(async (path) => log.tile(path), head);
    for (const type of RECEIPT_RECORDS) {
      const { entry, proof } = receipt.records[type];
      const { index } = parseTlogProof(proof);
      if (index >= head.size) continue;
      const leaf = pureHasher.leaf(new Uint8Array(Buffer.from(entry, 'base64')));
      if ((await readEntry(log, tree, index)).leafHash !== toHex(leaf))
        return disagree(`the chain's history holds another record than this ${type} at ${index}`);
      under.push(type);
    }
  } catch (error) {
    if (isWeighbridgeError(error) && error.code === 'PROOF_INVALID')
      return disagree(`the log does not lead to the root that the chain holds for ${head.size} entries`);
    throw error;
  }
  // The contract let key and money go only after it had seen these two under an anchored root.
  const needed = ['access-granted', 'training-completed'].filter((type) => !under.includes(type));
  if (needed.length > 0) return disagree(`${needed.join(' and ')} is younger than the newest anchored checkpoint`);
  return {
    ...base,
    ok: true,
    detail: `${under.length} of ${RECEIPT_RECORDS.length} records are under the root of ${head.size} entries that LogAnchor holds`,
  };
}
