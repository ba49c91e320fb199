import type { WeighbridgeError } from '../../kernel/index.js';
import type { Check } from '../../provenance/verify/index.js';
import { table } from '../ui/table.js';
import type { Colours } from '../ui/ui.js';
import type { Comparison } from './online.js';

/** All that a verification found. */
export interface FullVerdict {
  /** True only if every check passed, and every comparison that was asked for could be made. */
  ok: boolean;
  /** Where the trust came from. */
  trust: string;
  checks: Check[];
  online: Comparison[];
  /** Why `--online` could not be done. */
  unavailable: WeighbridgeError | undefined;
}

/** The verdict as a person reads it, line by line. */
export function verdictLines(file: string, verdict: FullVerdict, out: Colours): string[] {
  const { checks, online, trust } = verdict;
  return [
    `${file}, by the trust of ${trust}`,
    '',
    ...checkLines(checks, out),
    ...online.flatMap((comparison) => [
      '',
      `compared with ${comparison.with}: adds ${comparison.adds}`,
      ...checkLines(comparison.checks, out),
    ]),
    '',
    summary(verdict, out),
  ];
}

function summary({ ok, checks, online, unavailable }: FullVerdict, out: Colours): string {
  const all = [...checks, ...online.flatMap((comparison) => comparison.checks)];
  if (ok) return out.green(`The receipt holds: ${all.length} of ${all.length} checks.`);
  const failed = all.find((check) => !check.ok);
  if (failed !== undefined) return out.red(`The receipt does NOT hold: "${failed.name}" failed.`);
  if (unavailable === undefined) return out.red('The receipt does NOT hold: nothing could be checked.');
  return out.yellow(
    `The receipt holds offline (${all.length} checks), but it could not be compared: ${unavailable.message}`,
  );
}

export function checkLines(checks: Check[], out: Colours): string[] {
  return table(
    checks.map(({ name, ok, detail, restsOn }) => [
      ok ? out.green('✓') : out.red('✗'),
      ok ? name : out.red(name),
      detail + out.dim(`  [rests on ${restsOn}]`),
    ]),
  );
}
