import { availableParallelism } from 'node:os';
import { toHex, WeighbridgeError } from '../../kernel/index.js';
import { checkLog, logSourceOf, openLogSource, type LogFindings, type LogSource } from '../../provenance/index.js';
import {
  check,
  CheckFailed,
  parseVerifierKey,
  verifyCheckpoint,
  type Check,
  type Checkpoint,
  type LogTrust,
} from '../../provenance/verify/index.js';
import type { Cli } from '../cli.js';
import { Reported } from '../ui/reported.js';
import { checkLines } from './print-verdict.js';
import { readTrust } from './read-files.js';
import { compareLog } from './split-view.js';

export interface VerifyLogOptions {
  trust?: string;
  vkey?: string;
  /** Another checkpoint of this log, a file. */
  checkpoint?: string;
}

/** Below this many entries a thread takes longer to start than the work takes. */
const THREADS_FROM = 50_000;

/** Re-verifies a whole log from a folder or a URL: every entry hashed, every tile compared, the root signed. */
export async function verifyLog(cli: Cli, where: string, options: VerifyLogOptions): Promise<void> {
  const { ui } = cli;
  const { trust, from } = await trustFor(cli, options);
  const source = logSourceOf(where);
  const startedMs = performance.now();
  const note = await openLogSource(source).checkpoint();
  let head: Checkpoint | undefined;
  const checks = [
    await check('checkpoint', 'the log’s key, and the witnesses of the trust file', 'BAD_CHECKPOINT', () => {
      head = verifyCheckpoint(note, trust);
      return `${head.size} entries, signed by ${head.origin}, quorum ${trust.witnesses.quorum}`;
    }),
  ];
  if (head !== undefined) checks.push(...(await treeChecks(head, await findings(cli, source, head))));
  if (head !== undefined && options.checkpoint !== undefined)
    checks.push(await compareLog(openLogSource(source), options.checkpoint, trust));
  const failed = checks.find(({ ok }) => !ok);
  const seconds = (performance.now() - startedMs) / 1000;
  const size = head?.size ?? null;
  ui.result({ ok: failed === undefined, log: where, trust: from, size, seconds, checks }, () => [
    `${where}, by the trust of ${from}`,
    '',
    ...checkLines(checks, ui.out),
    '',
    failed === undefined
      ? ui.out.green(`The log holds: ${size} entries verified in ${seconds.toFixed(1)} s.`)
      : ui.out.red(`The log does NOT hold: "${failed.name}" failed.`),
  ]);
  if (failed !== undefined) throw new Reported(invalid(failed));
}

async function trustFor(cli: Cli, { trust, vkey }: VerifyLogOptions): Promise<{ trust: LogTrust; from: string }> {
  if (vkey === undefined) return readTrust(cli, trust);
  const { name } = parseVerifierKey(vkey);
  return {
    trust: { log: { origin: name, vkeys: [{ vkey, fromSize: 0 }] }, witnesses: { quorum: 0, vkeys: [] } },
    from: 'the key given, no witness',
  };
}

async function findings(cli: Cli, source: LogSource, head: Checkpoint): Promise<LogFindings> {
  const bar = cli.ui.bar({ label: 'Verifying', total: head.size, unit: 'steps' });
  try {
    const threads = head.size < THREADS_FROM ? 0 : availableParallelism();
    return await checkLog(source, head, { threads, onProgress: (entries) => bar.update(entries) });
  } finally {
    bar.stop();
  }
}

async function treeChecks(head: Checkpoint, found: LogFindings): Promise<Check[]> {
  const entries = await check('entries', 'nothing', 'RECORD_MALFORMED', () => {
    if (found.malformed.length > 0) throw new CheckFailed('RECORD_MALFORMED', `unreadable: ${some(found.malformed)}`);
    return `${head.size} entries in bundles that parse`;
  });
  const tiles = await check('tiles', 'SHA-256', 'TREE_MISMATCH', () => {
    if (found.forged.length > 0) {
      throw new CheckFailed('TREE_MISMATCH', `not what the entries below hash to: ${some(found.forged)}`);
    }
    return `${found.tiles} hash tiles say what the entries hash to`;
  });
  const root = await check('root', 'SHA-256 and the checkpoint', 'TREE_MISMATCH', () => {
    if (toHex(found.root) !== toHex(head.root)) {
      throw new CheckFailed(
        'TREE_MISMATCH',
        `the entries hash to ${toHex(found.root)}, the checkpoint says ${toHex(head.root)}`,
      );
    }
    return toHex(head.root);
  });
  return [entries, tiles, root];
}

function some(paths: string[]): string {
  const sorted = paths.toSorted();
  return `${sorted.slice(0, 5).join(', ')}${sorted.length > 5 ? ` and ${sorted.length - 5} more` : ''}`;
}

function invalid(failed: Check): WeighbridgeError {
  return new WeighbridgeError('PROOF_INVALID', `${failed.name}: ${failed.detail}`, {
    next: 'Do not rely on this log. Keep the checkpoint and the files named as evidence, and tell its operator and witnesses.',
    details: { check: failed.name, code: failed.code },
  });
}
