import { WeighbridgeError } from '../../kernel/index.js';
import { openLogSource } from '../../provenance/index.js';
import type { Cli } from '../cli.js';
import { Reported } from '../ui/reported.js';
import { table } from '../ui/table.js';
import { shortAddress, shortId, time } from '../ui/text.js';
import type { Colours } from '../ui/ui.js';
import { assertSameDeployment } from '../verify/same-deployment.js';
import { readTrust } from '../verify/read-files.js';
import { auditCeramic, type CeramicHistory } from './ceramic-history.js';
import { compareWithAnchor, type AuditComparison } from './compare.js';
import { auditRows, type AuditRow } from './findings.js';
import { signedHead } from './log-reader.js';
import { scanLog, type Scan } from './scan.js';

export interface AuditOptions {
  trust?: string;
  online?: boolean;
  ceramic?: boolean;
}

/** Audits one dataset from the log, with `--ceramic` against Ceramic, with `--online` against the chain too. */
export async function audit(cli: Cli, dataset: string, options: AuditOptions): Promise<void> {
  const { ui } = cli;
  const network = await cli.network();
  const { trust, from } = await readTrust(cli, options.trust);
  assertSameDeployment(network, trust);
  const log = openLogSource({ url: network.log.url });
  const head = await signedHead(log, trust);
  ui.note(`reading ${head.size} log entries from ${network.log.url}`);
  const scan = await scanLog(log, head, trust, dataset);
  const { rows, complete } = auditRows(scan.entries);
  const comparisons: AuditComparison[] = [];
  let history: CeramicHistory | undefined;
  if (options.online === true) {
    comparisons.push(await compareWithAnchor(log, head, await cli.adapters.chainReader(network)));
  }
  if (options.online === true || options.ceramic === true) {
    history = await auditCeramic(scan, { reader: log, head }, trust, await cli.adapters.ceramic(network));
    comparisons.push(history);
  }
  const problem = firstProblem(rows, scan, comparisons);
  const result = {
    ok: problem === undefined,
    keyId: scan.keyId,
    trust: from,
    logSize: scan.total,
    complete,
    unreadable: scan.unreadable,
    records: rows,
    online: comparisons,
    ...(history === undefined ? {} : { ceramic: { batches: history.batches } }),
  };
  ui.result(result, () => lines(rows, complete, scan, comparisons, from, ui.out, problem));
  if (problem !== undefined) throw new Reported(doesNotHold(problem));
}

function lines(
  rows: AuditRow[],
  complete: boolean,
  scan: Scan,
  comparisons: AuditComparison[],
  from: string,
  out: Colours,
  problem: string | undefined,
): string[] {
  const accesses = rows.filter(({ type }) => type === 'access-granted');
  return [
    `dataset ${out.bold(scan.keyId)}`,
    `${scan.total} log entries, each under the signed checkpoint; ${rows.length} are about this dataset; ${accesses.length} gave access to it`,
    complete
      ? `numbered 1 to ${rows.length}, each with the digest of the one before: none is missing up to this checkpoint`
      : out.red('their numbers and digests do not run without a gap: see below'),
    '',
    ...table([
      ['index', 'number', 'time', 'record', 'who', 'licence', 'job', 'proof'].map(out.dim),
      ...rows.map((row) => [
        String(row.index),
        String(row.sequence),
        time(row.at),
        row.type === 'access-granted' ? out.bold(row.type) : row.type,
        row.who === undefined ? '-' : `${row.who.role} ${shortAddress(row.who.address)}`,
        row.licence === undefined ? '-' : shortId(row.licence),
        row.job === undefined ? '-' : shortId(row.job),
        row.problems.length === 0 ? out.green('✓') : out.red(`✗ ${row.problems.join('; ')}`),
      ]),
    ]),
    ...(scan.unreadable.length === 0
      ? []
      : [
          '',
          out.yellow(
            `${scan.unreadable.length} entries of the log follow no known form: ${scan.unreadable.slice(0, 5).join(', ')}`,
          ),
        ]),
    ...comparisons.flatMap(({ with: other, adds, ok, detail }) => [
      '',
      `compared with ${other}: adds that ${adds}`,
      `${ok ? out.green('✓') : out.red('✗')} ${detail}`,
    ]),
    '',
    problem === undefined ? out.green('Everything holds.') : out.red(`It does NOT hold: ${problem}`),
    `Checked by the keys of ${from}.`,
  ];
}

function firstProblem(rows: AuditRow[], scan: Scan, comparisons: AuditComparison[]): string | undefined {
  const row = rows.find(({ problems }) => problems.length > 0);
  if (row !== undefined) return `${row.type} at ${row.index}: ${row.problems[0] ?? ''}`;
  if (scan.unreadable[0] !== undefined) return `the entry at ${scan.unreadable[0]} follows no known form`;
  const comparison = comparisons.find(({ ok }) => !ok);
  return comparison === undefined ? undefined : `${comparison.name}: ${comparison.detail}`;
}

function doesNotHold(problem: string): WeighbridgeError {
  return new WeighbridgeError('PROOF_INVALID', `the audit found a fault: ${problem}`, {
    next: 'Keep this output and the checkpoint as evidence, and ask seller and operator about it.',
  });
}
