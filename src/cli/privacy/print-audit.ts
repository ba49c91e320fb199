import { plain, shortId } from '../ui/text.js';
import { facts, table } from '../ui/table.js';
import type { Colours } from '../ui/ui.js';
import type { AuditedShard, PrivacyAudit } from './audited.js';
import type { LoggedRun } from './logged-ledger.js';

const SHOWN_SHARDS = 10;
const STATES: Record<LoggedRun['state'], string> = {
  spent: 'spent',
  returned: 'given back: it ended before its key',
  open: 'not ended yet',
};

export function auditLines(audit: PrivacyAudit, title: string, out: Colours): string[] {
  const { keyId, logSize, online, budget, runs, shards, differences, trust } = audit;
  const without = runs.filter(({ epsilon }) => epsilon === null).length;
  return [
    out.bold(plain(title)),
    ...facts([
      ['dataset', keyId],
      ['read', `${logSize} log entries, each under the signed checkpoint`],
      [
        'budget',
        budget === null ? 'the terms sell none' : `epsilon ${budget.epsilon} of each shard, at delta ${budget.delta}`,
      ],
      ['private runs', `${runs.length - without}, on all versions`],
      [
        'without privacy',
        `${without}${without === 0 ? '' : ', which no budget counts: their models may memorise rows'}`,
      ],
    ]),
    ...section(runTable(runs, out)),
    ...section(shardTable(shards, budget?.epsilon, out)),
    '',
    differences.length === 0
      ? out.green('The log and the marketplace agree on every shard, at every order.')
      : out.red('It does NOT hold:'),
    ...differences.map((difference) => `  ${out.red('✗')} ${plain(difference)}`),
    `Checked by the keys of ${trust}. ${
      online
        ? 'No run that is given back could reach its key: the chain, as the RPC node tells it, has not recorded its access.'
        : "That a run was given back rests on its operator's word, in the log, that it ended before its key; --online asks the chain."
    }`,
  ];
}

function section(rows: string[]): string[] {
  return rows.length === 0 ? [] : ['', ...rows];
}

function runTable(runs: readonly LoggedRun[], out: Colours): string[] {
  const counted = runs.filter(({ epsilon }) => epsilon !== null);
  if (counted.length === 0) return [];
  return table([
    ['index', 'job', 'version', 'epsilon', 'state'].map(out.dim),
    ...counted.map(({ index, job, version, epsilon, state }) => [
      String(index),
      shortId(job),
      String(version),
      String(epsilon),
      STATES[state],
    ]),
  ]);
}

/** Those with least left first: a dataset may have thousands. */
function shardTable(shards: readonly AuditedShard[], budget: number | undefined, out: Colours): string[] {
  if (budget === undefined) return [];
  const text = (epsilon: number | null): string => epsilon?.toFixed(6) ?? '-';
  const worst = shards.toSorted((a, b) => (b.spentEpsilon ?? 0) - (a.spentEpsilon ?? 0)).slice(0, SHOWN_SHARDS);
  const rows = table([
    ['shard', 'spent, by the log', 'spent, by the marketplace', 'left'].map(out.dim),
    ...worst.map(({ shardId, spentEpsilon, saidEpsilon }) => [
      shortId(shardId),
      text(spentEpsilon),
      text(saidEpsilon),
      text(Math.max(0, budget - (spentEpsilon ?? 0))),
    ]),
  ]);
  return shards.length > worst.length
    ? [...rows, out.dim(`and ${shards.length - worst.length} more, with as much left or more`)]
    : rows;
}
