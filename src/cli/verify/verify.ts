import { sha256Hex, WeighbridgeError } from '../../kernel/index.js';
import { parseReceipt, verifyReceipt, type Check } from '../../provenance/verify/index.js';
import type { Cli } from '../cli.js';
import { Reported } from '../ui/reported.js';
import { table } from '../ui/table.js';
import type { Colours } from '../ui/ui.js';
import type { Comparison } from './online.js';
import { readBytes, readTrust } from './read-files.js';
import { sameDeployment } from './same-deployment.js';

export interface VerifyOptions {
  trust?: string;
  weights?: string;
  online?: boolean;
}

/** Verifies a receipt and prints every line of the verdict. The command fails if one line does. */
export async function verify(cli: Cli, file: string, options: VerifyOptions): Promise<void> {
  const { ui } = cli;
  const [bytes, { trust, from }] = await Promise.all([readBytes(file), readTrust(cli, options.trust)]);
  const offline = await verifyReceipt(bytes, trust);
  const checks = [...offline.checks];
  if (options.weights !== undefined && offline.ok)
    checks.push(checkWeights(bytes, options.weights, await readBytes(options.weights)));
  // Against a receipt that does not hold there is nothing to compare.
  const online = options.online === true && offline.ok ? await goOnline(cli, bytes, trust) : [];
  const all = [...checks, ...online.flatMap((comparison) => comparison.checks)];
  const failed = all.find((check) => !check.ok);
  const ok = failed === undefined && all.length > 0;
  ui.result({ ok, trust: from, checks, online }, () => [
    `${file}, by the trust of ${from}`,
    '',
    ...checkLines(checks, ui.out),
    ...online.flatMap((comparison) => [
      '',
      `compared with ${comparison.with}: adds ${comparison.adds}`,
      ...checkLines(comparison.checks, ui.out),
    ]),
    '',
    ok
      ? ui.out.green(`The receipt holds: ${all.length} of ${all.length} checks.`)
      : ui.out.red(`The receipt does NOT hold: "${failed?.name ?? 'file'}" failed.`),
    ...(options.trust === undefined ? ['Trust was taken from the network file: name your own with --trust.'] : []),
  ]);
  if (!ok) throw new Reported(invalid(failed));
}

async function goOnline(
  cli: Cli,
  bytes: Uint8Array,
  trust: { chainId: number; contracts: { marketplace: `0x${string}` } },
): Promise<Comparison[]> {
  const network = await cli.network();
  if (!sameDeployment(network, trust)) {
    throw new WeighbridgeError('WRONG_CHAIN', 'network file and trust file are of different deployments', {
      next: 'Name the network of the trust file with --network.',
    });
  }
  // Loaded here: an offline verdict does not wait for what only this needs.
  const [{ compareOnline }, { createLogReader }] = await Promise.all([
    import('./online.js'),
    import('../audit/log-reader.js'),
  ]);
  const [chain, ceramic] = await Promise.all([cli.adapters.chainReader(network), cli.adapters.ceramic(network)]);
  return compareOnline(bytes, chain, ceramic, createLogReader(network.log.url));
}

function checkWeights(receipt: Uint8Array, file: string, weights: Uint8Array): Check {
  const expected = parseReceipt(receipt).training.weightsDigest.replace(/^0x/, '');
  const found = sha256Hex(weights);
  const ok = found === expected;
  return {
    name: 'weights',
    ok,
    restsOn: 'SHA-256',
    detail: ok
      ? `${file} is the file that was weighed`
      : `${file} has SHA-256 ${found}, the receipt is about ${expected}`,
    ...(ok ? {} : { code: 'DIGEST_MISMATCH' as const }),
  };
}

function checkLines(checks: Check[], out: Colours): string[] {
  return table(
    checks.map(({ name, ok, detail, restsOn }) => [
      ok ? out.green('✓') : out.red('✗'),
      ok ? name : out.red(name),
      detail + out.dim(`  [rests on ${restsOn}]`),
    ]),
  );
}

function invalid(failed: Check | undefined): WeighbridgeError {
  return new WeighbridgeError(
    'RECEIPT_INVALID',
    `${failed?.name ?? 'file'}: ${failed?.detail ?? 'nothing was checked'}`,
    {
      next: 'Do not rely on this receipt. Get it again from who gave it to you, unedited, and check that the trust file is of its deployment.',
      details: { check: failed?.name, code: failed?.code },
    },
  );
}
