import { setTimeout as sleep } from 'node:timers/promises';
import { isWeighbridgeError, toHex } from '../../kernel/index.js';
import type { LogReader } from '../../provenance/index.js';
import {
  compareWithChain,
  parseReceipt,
  parseTlogProof,
  pureHasher,
  RECEIPT_RECORDS,
  type Check,
  type Receipt,
  type ReceiptRecord,
} from '../../provenance/verify/index.js';
import type { CeramicReader, ChainReader } from '../ports.js';
import { compareAnchor } from './compare-anchor.js';

const RELAY_ATTEMPTS = 6;
const RELAY_WAIT_MS = 2_000;
const CERAMIC = "the relay's did:key and the Ceramic node's copy";
const MISSING = 'is in no batch';

/** What a comparison with somebody else's copy found, and what it is good for. */
export interface Comparison {
  with: string;
  /** What a pass adds to the offline verdict. */
  adds: string;
  checks: Check[];
}

/**
 * Compares a receipt, which verified offline, with what chain and Ceramic hold.
 * @throws WeighbridgeError CHAIN_UNAVAILABLE, CERAMIC_UNAVAILABLE: a comparison that could not be made is no pass
 */
export async function compareOnline(
  bytes: Uint8Array,
  chain: ChainReader,
  ceramic: CeramicReader,
  log: LogReader,
): Promise<Comparison[]> {
  const receipt = parseReceipt(bytes);
  return [
    {
      with: 'the chain',
      adds: 'that the money moved as the receipt says, and that the log shows the chain the same history',
      checks: [
        ...(await compareWithChain(receipt, await chainFacts(receipt, chain))),
        await compareAnchor(receipt, chain, log),
      ],
    },
    {
      with: 'Ceramic',
      adds: 'that the records are in the public streams too: taking one out of the log would be seen',
      checks: await compareCeramic(receipt, ceramic),
    },
  ];
}

async function chainFacts({ order, dataset, settlement }: Receipt, chain: ChainReader) {
  const [onChain, offer, transaction] = await Promise.all([
    chain.order(order.orderId),
    chain.offerOf(dataset.keyId),
    chain.transaction(settlement.transaction),
  ]);
  return { order: onChain, offer, transaction };
}

async function compareCeramic(receipt: Receipt, ceramic: CeramicReader): Promise<Check[]> {
  for (let attempt = 1; ; attempt++) {
    const checks = await compareCeramicOnce(receipt, ceramic);
    // The relay follows the log a little behind: a record that is merely missing may be on its way.
    if (attempt === RELAY_ATTEMPTS || !checks.some(({ detail }) => detail.endsWith(MISSING))) return checks;
    await sleep(RELAY_WAIT_MS);
  }
}

async function compareCeramicOnce(receipt: Receipt, ceramic: CeramicReader): Promise<Check[]> {
  try {
    const batches = await ceramic.readBatches(receipt.dataset.keyId);
    const published = new Map(
      batches.flatMap(({ batch }) => batch.records.map(({ index, leafHash }) => [index, leafHash] as const)),
    );
    return RECEIPT_RECORDS.map((type) => compareRecord(type, receipt, published));
  } catch (error) {
    if (!isWeighbridgeError(error) || error.code !== 'PROOF_INVALID') throw error;
    return [{ name: 'ceramic', ok: false, code: 'NOT_IN_LOG', restsOn: CERAMIC, detail: error.message }];
  }
}

function compareRecord(type: ReceiptRecord, receipt: Receipt, published: Map<number, string>): Check {
  const { entry, proof } = receipt.records[type];
  const { index } = parseTlogProof(proof);
  const leafHash = toHex(pureHasher.leaf(new Uint8Array(Buffer.from(entry, 'base64'))));
  const found = published.get(index);
  const base = { name: `ceramic:${type}`, restsOn: CERAMIC };
  if (found === leafHash) return { ...base, ok: true, detail: `index ${index} is in the dataset's stream` };
  const problem = found === undefined ? MISSING : 'is another record there';
  return { ...base, ok: false, code: 'NOT_IN_LOG', detail: `index ${index} ${problem}` };
}
