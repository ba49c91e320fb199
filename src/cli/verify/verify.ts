import { isWeighbridgeError, sha256Hex, WeighbridgeError } from '../../kernel/index.js';
import { parseReceipt, verifyReceipt, type Check, type Trust } from '../../provenance/verify/index.js';
import type { Cli } from '../cli.js';
import { Reported } from '../ui/reported.js';
import type { Comparison } from './online.js';
import { verdictLines, type FullVerdict } from './print-verdict.js';
import { readBytes, readTrust } from './read-files.js';
import { assertSameDeployment } from './same-deployment.js';

export interface VerifyOptions {
  trust?: string;
  weights?: string;
  online?: boolean;
  /** Another checkpoint of the receipt's log, a file. */
  checkpoint?: string;
  /** The log's files, for a checkpoint of another size. */
  log?: string;
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
  const compared = offline.ok ? await compare(cli, bytes, trust, options) : NOTHING;
  checks.push(...compared.checks);
  const all = [...checks, ...compared.online.flatMap((comparison) => comparison.checks)];
  const failed = all.find((check) => !check.ok);
  const ok = failed === undefined && all.length > 0 && compared.unavailable === undefined;
  const verdict = { ...compared, ok, trust: from, checks };
  ui.result({ ...verdict, unavailable: compared.unavailable?.message ?? null }, () => [
    ...verdictLines(file, verdict, ui.out),
    ...(options.trust === undefined ? ['Trust was taken from the network file: name your own with --trust.'] : []),
  ]);
  if (!ok) throw new Reported(failed === undefined ? (compared.unavailable ?? invalid(failed)) : invalid(failed));
}

type Compared = Pick<FullVerdict, 'checks' | 'online' | 'unavailable'>;
const NOTHING: Compared = { checks: [], online: [], unavailable: undefined };

/** A service that is away leaves the offline verdict standing: it is printed all the same, and the exit code is 3. */
async function compare(cli: Cli, bytes: Uint8Array, trust: Trust, options: VerifyOptions): Promise<Compared> {
  const checks: Check[] = [];
  try {
    const { checkpoint, log } = options;
    if (checkpoint !== undefined) {
      const { compareReceipt } = await import('./split-view.js');
      checks.push(await compareReceipt(bytes, { checkpoint, log }, trust));
    }
    const online = options.online === true ? await goOnline(cli, bytes, trust) : [];
    return { checks, online, unavailable: undefined };
  } catch (error) {
    if (isWeighbridgeError(error) && error.retryable) return { checks, online: [], unavailable: error };
    throw error;
  }
}

async function goOnline(cli: Cli, bytes: Uint8Array, trust: Trust): Promise<Comparison[]> {
  const network = await cli.network();
  assertSameDeployment(network, trust);
  // Loaded here: an offline verdict does not wait for what only this needs.
  const [{ compareOnline }, { openLogSource }] = await Promise.all([
    import('./online.js'),
    import('../../provenance/index.js'),
  ]);
  const [chain, ceramic] = await Promise.all([cli.adapters.chainReader(network), cli.adapters.ceramic(network)]);
  return compareOnline(bytes, chain, ceramic, openLogSource({ url: network.log.url }));
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

function invalid(failed: Check | undefined): WeighbridgeError {
  return new WeighbridgeError(
    'RECEIPT_INVALID',
    `${failed?.name ?? 'file'}: ${failed?.detail ?? 'nothing was checked'}`,
    {
      next: nextOf(failed),
      details: { check: failed?.name, code: failed?.code },
    },
  );
}

function nextOf(failed: Check | undefined): string {
  const code = failed?.code;
  if (failed?.name === 'weights') {
    return 'Do not take this file for the model of this receipt, which may hold all the same: name the weights that came with it.';
  }
  if (failed?.name === 'split-view' && code === 'BAD_CHECKPOINT') {
    return 'The log did not sign what --checkpoint names, so it says nothing about the receipt: get it again, byte for byte, as the log serves it.';
  }
  if (code === 'SPLIT_VIEW') {
    return 'Do not rely on this log. Keep both checkpoints: together they prove it, so show them to its witnesses and its other readers.';
  }
  if (code === 'NO_CONSISTENCY') {
    return "Name the log's files with --log <dir or URL>, as new as the newer of both checkpoints.";
  }
  return 'Do not rely on this receipt. Get it again from who gave it to you, unedited, and check that the trust file is of its deployment.';
}
