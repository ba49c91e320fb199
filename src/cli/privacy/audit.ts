import { WeighbridgeError, type Bytes32 } from '../../kernel/index.js';
import { addLoss, epsilonOfLoss, NOTHING, type Loss } from '../../privacy/index.js';
import { keyIdOfRecord, openLogSource, type LogEntry } from '../../provenance/index.js';
import { marketOf } from '../../provenance/verify/index.js';
import type { Dataset, PrivacyBalance } from '../api/schemas.js';
import { signedHead } from '../audit/log-reader.js';
import { scanRecords, type ScannedEntry } from '../audit/scan.js';
import { checkSigned } from '../browse/check-dataset.js';
import type { Cli } from '../cli.js';
import type { ChainReader } from '../ports.js';
import { Reported } from '../ui/reported.js';
import { assertSameDeployment } from '../verify/same-deployment.js';
import { readTrust } from '../verify/read-files.js';
import type { AuditedShard, PrivacyAudit } from './audited.js';
import { ledgerOfLog } from './logged-ledger.js';
import { auditLines } from './print-audit.js';

export interface PrivacyAuditOptions {
  trust?: string;
  /** Asks the chain which runs could reach their key, instead of taking their operator's word. */
  online?: boolean;
}

/**
 * Computes the privacy balance of a dataset again, from the log alone, and holds it against what the marketplace says; with `--online`
 * also against the chain.
 * @throws WeighbridgeError DATASET_NOT_FOUND, OFFER_MISMATCH, PROOF_INVALID, LOG_UNAVAILABLE, WRONG_CHAIN
 */
export async function auditPrivacy(cli: Cli, id: string, options: PrivacyAuditOptions): Promise<void> {
  const [network, api] = await Promise.all([cli.network(), cli.api()]);
  const { trust, from } = await readTrust(cli, options.trust);
  assertSameDeployment(network, trust);
  const dataset = await api.dataset(id);
  await checkSigned(dataset, marketOf(trust));
  const before = await api.privacyBalance(dataset.id);
  const log = openLogSource({ url: network.log.url });
  const head = await signedHead(log, trust);
  cli.ui.note(`reading ${head.size} log entries from ${network.log.url}`);
  const { entries } = await scanRecords(log, head, trust, versionsOf(dataset));
  const after = await api.privacyBalance(dataset.id);
  const reached =
    options.online === true ? await reachedKeys(entries, await cli.adapters.chainReader(network)) : undefined;
  const audit = { trust: from, logSize: head.size, ...comparePrivacy(dataset, entries, { before, after }, reached) };
  cli.ui.result(audit, () => auditLines(audit, dataset.title, cli.ui.out));
  if (audit.differences[0] !== undefined) throw new Reported(doesNotHold(audit.differences[0]));
}

/** Records of every version of the dataset; each version is listed before anything else is said of it. */
function versionsOf({ offer: { seller, datasetId } }: Pick<Dataset, 'offer'>): (entry: LogEntry) => boolean {
  const keyIds = new Set<Bytes32>();
  return (entry) => {
    if (entry.type === 'dataset-listed') {
      const { offer, keyId } = entry.predicate;
      if (offer.datasetId === datasetId && offer.seller.toLowerCase() === seller.toLowerCase()) keyIds.add(keyId);
    }
    return keyIds.has(keyIdOfRecord(entry));
  };
}

/** Runs that are given back in the log, and whose access the chain has recorded all the same. */
export async function reachedKeys(
  entries: readonly ScannedEntry[],
  chain: Pick<ChainReader, 'orderOf'>,
): Promise<Set<Bytes32>> {
  const reached = new Set<Bytes32>();
  for (const { job, worker, state } of ledgerOfLog(entries, []).runs) {
    if (state === 'returned' && (await chain.orderOf(worker)) === job) reached.add(job);
  }
  return reached;
}

/**
 * @param balance - what the marketplace said before the log was read and after it: of a run that ends meanwhile, either may be true
 * @param reached - runs that the chain let reach their key; undefined where it was not asked
 */
export function comparePrivacy(
  { id: keyId, manifest, terms }: Pick<Dataset, 'id' | 'manifest' | 'terms'>,
  entries: readonly ScannedEntry[],
  { before, after }: { before: PrivacyBalance; after: PrivacyBalance },
  reached?: ReadonlySet<Bytes32>,
): Omit<PrivacyAudit, 'trust' | 'logSize'> {
  const { budget = null } = terms.privacy;
  const pieces = manifest.pieces.map(({ pieceCid }) => pieceCid);
  const { runs, spent, most, problems } = ledgerOfLog(entries, pieces, reached);
  const epsilon = (loss: Loss | undefined): number | null =>
    budget === null || loss === undefined ? null : epsilonOfLoss(loss, budget.delta);
  const listed = entries.flatMap(({ entry }) => (entry.type === 'dataset-listed' ? [entry.predicate] : []));
  const differences = [...problems];
  if (!listed.some((one) => one.keyId === keyId && samePieces(one.pieces, pieces))) {
    differences.push('the manifest names other pieces than the record of the listing');
  }
  const shards = manifest.pieces.map(({ shardId, pieceCid }): AuditedShard => {
    const [least = NOTHING, largest = NOTHING] = [spent.get(pieceCid), most.get(pieceCid)];
    const [first, last] = [said(before, shardId), said(after, shardId)];
    differences.push(...differencesOf(shardId, { least, largest, first, last, epsilon }));
    return { shardId, pieceCid, spentEpsilon: epsilon(least), saidEpsilon: epsilon(last?.spent), spent: least };
  });
  // Terms that were changed later may give less than was taken under those before them.
  const termsChanged = new Set(listed.map(({ offer }) => offer.termsDigest)).size > 1;
  const over = shards.find(({ spentEpsilon }) => budget !== null && (spentEpsilon ?? 0) > budget.epsilon);
  if (over !== undefined && !termsChanged) {
    differences.push(`shard ${over.shardId}: epsilon ${over.spentEpsilon} is spent of a budget of ${budget?.epsilon}`);
  }
  return {
    ok: differences.length === 0,
    keyId,
    online: reached !== undefined,
    budget: budget === null ? null : { epsilon: budget.epsilon, delta: budget.delta },
    runs,
    shards,
    differences,
  };
}

type Said = PrivacyBalance['shards'][number];

/** Order by order: an epsilon may be the same where a curve is not. */
function differencesOf(
  shardId: string,
  facts: { least: Loss; largest: Loss; first?: Said; last?: Said; epsilon: (loss: Loss) => number | null },
): string[] {
  const { least, largest, first, last, epsilon } = facts;
  if (first === undefined || last === undefined) return [`shard ${shardId}: the marketplace says nothing of it`];
  const at = (loss: Loss): string => `epsilon ${epsilon(loss)?.toFixed(6) ?? '?'}`;
  if (anyBelow(last.spent, least)) {
    return [`shard ${shardId}: the log says ${at(least)} is spent, the marketplace says less: ${at(last.spent)}`];
  }
  if (anyBelow(largest, first.spent)) {
    return [`shard ${shardId}: the log says ${at(largest)} is spent at most, the marketplace says ${at(first.spent)}`];
  }
  const taken = addLoss(last.spent, last.reserved);
  const quiet = !anyBelow(first.spent, last.spent) && !anyBelow(first.reserved, last.reserved);
  if (quiet && anyBelow(taken, largest)) {
    return [`shard ${shardId}: runs in the log take ${at(largest)}, the marketplace has set aside ${at(taken)}`];
  }
  return [];
}

function anyBelow(a: Loss, b: Loss): boolean {
  return a.some((loss, i) => loss < (b[i] ?? 0n));
}

function said({ shards }: PrivacyBalance, shardId: string): Said | undefined {
  return shards.find((one) => one.shardId === shardId);
}

function samePieces(listed: readonly { pieceCid: string }[], pieces: readonly string[]): boolean {
  return listed.map(({ pieceCid }) => pieceCid).join() === pieces.join();
}

function doesNotHold(problem: string): WeighbridgeError {
  return new WeighbridgeError('PROOF_INVALID', `the privacy balance does not hold: ${problem}`, {
    next: 'Keep this output and the checkpoint as evidence, and ask seller and operator about it. Buy nothing here until it is settled.',
  });
}
