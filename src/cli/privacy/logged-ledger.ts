import type { Address, Bytes32 } from '../../kernel/index.js';
import { epsilonOf, lossOf, privateRunRdp, replayLedger, type LedgerEvent, type Loss } from '../../privacy/index.js';
import { keyIdOfRecord, type LogEntry, type RefusalReason, type RunPrivacy } from '../../provenance/index.js';
import { auditRows } from '../audit/findings.js';
import type { ScannedEntry } from '../audit/scan.js';

/** A run on any version of the dataset, as the log has it. */
export interface LoggedRun {
  job: Bytes32;
  /** Log index of its access record. */
  index: number;
  version: number;
  /** The address that serves it alone. */
  worker: Address;
  /** What it declares; null for a run without privacy, which no budget counts. */
  epsilon: number | null;
  /** `open`: let in, and neither finished nor refused yet. `returned`: refused before its key could be released. */
  state: 'spent' | 'returned' | 'open';
}

/** The privacy ledger of one dataset, from its records alone. */
export interface LoggedLedger {
  runs: LoggedRun[];
  /** By piece: pieces never change, so that a piece is a shard. */
  spent: Map<string, Loss>;
  /** The same if everything that is open is spent too. */
  most: Map<string, Loss>;
  /** What does not hold in the records themselves. */
  problems: string[];
}

type Private = Exclude<RunPrivacy, 'none'>;
interface Run extends LoggedRun {
  privacy: RunPrivacy;
  shardIds: string[];
}

/** Reasons that only who has read the rows can give, or who has what was trained on them. */
const AFTER_KEY: readonly RefusalReason[] = ['data-corrupt', 'data-does-not-fit', 'gate-refused'];

/**
 * @param wanted - pieces of the version that is asked about
 * @param reached - runs that the chain let reach their key; undefined where it was not asked
 */
export function ledgerOfLog(
  entries: readonly ScannedEntry[],
  wanted: readonly string[],
  reached?: ReadonlySet<Bytes32>,
): LoggedLedger {
  const runs = runsOf(entries);
  const givenBack = giveBackProblems(entries, runs, reached);
  const replay = (counts: (run: Run) => boolean) => replayLedger(eventsOf(entries, runs, counts), wanted);
  return {
    runs: [...runs.values()].map(({ privacy: _privacy, shardIds: _shardIds, ...run }) => run),
    spent: replay(({ state }) => state === 'spent'),
    most: replay(({ state }) => state !== 'returned'),
    problems: [
      ...recordProblems(entries),
      ...[...runs.values()].flatMap(claimProblems),
      ...completionProblems(entries, runs),
      ...givenBack,
    ],
  };
}

function runsOf(entries: readonly ScannedEntry[]): Map<Bytes32, Run> {
  const pieces = new Map<Bytes32, { version: number; shardIds: string[] }>();
  const runs = new Map<Bytes32, Run>();
  for (const { index, entry } of entries) {
    if (entry.type === 'dataset-listed') {
      const { keyId, offer } = entry.predicate;
      pieces.set(keyId, { version: offer.version, shardIds: piecesOf(entry) });
    } else if (entry.type === 'access-granted') {
      const { orderId: job, keyId, worker, privacy } = entry.predicate;
      const { version, shardIds } = pieces.get(keyId) ?? { version: 0, shardIds: [] };
      const epsilon = privacy === 'none' ? null : privacy.epsilon;
      runs.set(job, { job, index, version, worker, epsilon, state: 'open', privacy, shardIds });
    } else {
      const [job, state] = endOf(entry) ?? [];
      const run = job === undefined ? undefined : runs.get(job);
      // What is spent stays spent, whatever is said of it later.
      if (run !== undefined && state !== undefined && run.state !== 'spent') run.state = state;
    }
  }
  return runs;
}

/**
 * Runs that their operator gives back although they may have had the key: by the reason it names, by what the log has of them
 * before, or by the chain, which releases no key before it has recorded the access. They count as spent.
 */
function giveBackProblems(
  entries: readonly ScannedEntry[],
  runs: ReadonlyMap<Bytes32, Run>,
  reached: ReadonlySet<Bytes32> | undefined,
): string[] {
  return entries.flatMap(({ index, entry }) => {
    if (entry.type !== 'training-refused' || entry.predicate.privacySpent) return [];
    const { orderId, reason } = entry.predicate;
    const run = runs.get(orderId);
    if (run === undefined || run.privacy === 'none') return [];
    const why =
      run.state === 'spent'
        ? 'the log has another end of it'
        : AFTER_KEY.includes(reason)
          ? `"${reason}" is said of rows that were read`
          : reached?.has(orderId) === true
            ? 'the chain has recorded its access, so its key could be released'
            : undefined;
    if (why === undefined) return [];
    run.state = 'spent';
    return [`training-refused at ${index}: it says that run ${orderId} spent nothing, but ${why}`];
  });
}

function endOf(entry: LogEntry): [Bytes32, LoggedRun['state']] | undefined {
  if (entry.type === 'training-completed') return [entry.predicate.buildDefinition.externalParameters.orderId, 'spent'];
  if (entry.type !== 'training-refused') return undefined;
  const { orderId, privacySpent } = entry.predicate;
  return [orderId, privacySpent ? 'spent' : 'returned'];
}

function eventsOf(
  entries: readonly ScannedEntry[],
  runs: ReadonlyMap<Bytes32, Run>,
  counts: (run: Run) => boolean,
): LedgerEvent[] {
  return entries.flatMap(({ entry }): LedgerEvent[] => {
    if (entry.type === 'dataset-listed') {
      return [{ kind: 'listed', version: entry.predicate.offer.version, shardIds: piecesOf(entry) }];
    }
    if (entry.type !== 'access-granted') return [];
    const run = runs.get(entry.predicate.orderId);
    if (run === undefined || run.privacy === 'none' || !counts(run)) return [];
    return [{ kind: 'lost', shardIds: run.shardIds, loss: lossOf(privateRunRdp(run.privacy)) }];
  });
}

function piecesOf({ predicate }: Extract<LogEntry, { type: 'dataset-listed' }>): string[] {
  return predicate.pieces.map(({ pieceCid }) => pieceCid);
}

/** A record that is missing is a run that may be missing, so each version's must be whole. */
function recordProblems(entries: readonly ScannedEntry[]): string[] {
  const keyIds = new Set(entries.map(({ entry }) => keyIdOfRecord(entry)));
  return [...keyIds].flatMap((keyId) =>
    auditRows(entries.filter(({ entry }) => keyIdOfRecord(entry) === keyId)).rows.flatMap(({ type, index, problems }) =>
      problems.map((problem) => `${type} at ${index}: ${problem}`),
    ),
  );
}

/** Noise that is too small for the epsilon that was paid for and promised. */
function claimProblems({ job, index, privacy }: Run): string[] {
  if (privacy === 'none') return [];
  const cost = costOf(privacy);
  if (cost <= privacy.epsilon) return [];
  return [`access-granted at ${index}: run ${job} costs epsilon ${cost}, its record says ${privacy.epsilon}`];
}

function costOf(privacy: Private): number {
  const { samplingRate: q, steps, delta, metric, moments } = privacy;
  const noisy = [privacy, metric, moments].every((one) => one === undefined || one.noiseMultiplier > 0);
  const sound = q > 0 && q <= 1 && noisy && steps > 0 && delta > 0 && delta < 1;
  return sound ? epsilonOf(privateRunRdp(privacy), delta) : Infinity;
}

function completionProblems(entries: readonly ScannedEntry[], runs: ReadonlyMap<Bytes32, Run>): string[] {
  return entries.flatMap(({ index, entry }) => {
    if (entry.type !== 'training-completed') return [];
    const { orderId, privacy: claim } = entry.predicate.buildDefinition.externalParameters;
    const run = runs.get(orderId);
    const granted = run === undefined || run.privacy === 'none' ? 'none' : run.privacy;
    const same =
      claim === 'none' || granted === 'none'
        ? claim === granted
        : claim.epsilon === granted.epsilon && claim.delta === granted.delta;
    return same ? [] : [`training-completed at ${index}: another privacy than run ${orderId} was let in with`];
  });
}
