// Real: everything. A whole devnet, the CLI, and a worker that dies by SIGKILL before the first and after each side effect
// of a job, and is started again each time by this test, as an init system would. Two jobs run side by side: each life
// of a worker ends with both of them at such a moment, where it can, and each moment is one of either's.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPublicClient, erc20Abi, http } from 'viem';
import { createHttpLogClient, headOf, orderIdOfRecord, parseEntry, readEntries } from '../../src/provenance/index.js';
import { weighbridge, type CliResult } from '../../web3/devnet/demo/cli.js';
import type { Devnet } from '../../web3/devnet/devnet.js';
import { PROVIDERS } from '../../web3/devnet/layout.js';
import { startApi, startLog, startWorker } from '../../web3/devnet/roles.js';
import type { ChildService } from '../../web3/devnet/service.js';
import { publishSmall, startTestDevnet, type TestDevnet } from '../support/devnet.js';
import { testProgram } from '../support/test-dist.js';
import { CrashPlan, type CrashPoint } from './crash-points.js';

const COMPLETES: readonly string[] = [
  'jobs.fixRecord[granting]',
  'log.append[access-granted]',
  'jobs.transition[recording]',
  'chain.anchorAndRecord',
  'jobs.transition[training]',
  'vault.unwrap',
  'trainer.train',
  'blobs.put',
  'jobs.fixRecord[completing]',
  'log.append[training-completed]',
  'jobs.transition[settling]',
  'chain.anchorAndSettle',
  'jobs.patch[settling]',
  'jobs.fixRecord[settling]',
  'log.append[job-settled]',
  'jobs.transition[settled]',
];
const REFUSES: readonly string[] = [
  'jobs.fixRecord[refusing]',
  'log.append[training-refused]',
  'jobs.transition[refunding]',
  'chain.anchorAndRefund',
  'jobs.patch[refunding]',
  'jobs.fixRecord[refunding]',
  'log.append[job-settled]',
  'jobs.transition[refunded]',
];
/**
 * Every state that a dead worker can leave behind: what is done just before a step is what was done just after the one
 * before it, so each gap between two steps is died in once.
 */
const everyGap = (steps: readonly string[]): CrashPoint[] => [
  `${steps[0] ?? ''}:before`,
  ...steps.map((step): CrashPoint => `${step}:after`),
];

const PRICE_WEI = 5n * 10n ** 18n;

let net: TestDevnet;
let devnet: Devnet;
let dir: string;
let dataset = '';
let workerEntry = '';

beforeAll(async () => {
  workerEntry = await testProgram('crash/dying-worker');
  net = await startTestDevnet();
  ({ devnet, dir } = net);
  await devnet.roles.worker.stop();
  const rows = Array.from({ length: 60 }, (_, i) => `${i % 10},${(i * 7) % 10},${i % 2}`);
  dataset = await publishSmall(net, rows);
}, 600_000);
afterAll(async () => net?.stop(), 60_000);

describe('a worker killed at every step', () => {
  it('finishes two jobs once: one access record, one completion, one payment each', async () => {
    const before = await balances();
    const running = await trainBoth('done');
    await runUntilDone(everyGap(COMPLETES), running);
    for (const result of await running.ended) {
      expect(result.stderr + result.stdout).not.toContain('INTERNAL');
      expect(result.code).toBe(0);
      const { orderId } = result.json as { orderId: `0x${string}` };
      expect(await recordsOf(orderId)).toEqual(['access-granted', 'training-completed', 'job-settled']);
    }
    const after = await balances();
    expect(before.buyer - after.buyer).toBe(2n * PRICE_WEI);
    expect(after.marketplace - before.marketplace).toBe(2n * PRICE_WEI);
    for (const name of running.names) {
      const receipt = path.join(dir, `${name}.json`);
      const verdict = await weighbridge(
        ['verify', receipt, '--weights', path.join(dir, `${name}.safetensors`)],
        net.cli.buyer,
      );
      expect(verdict.code).toBe(0);
    }
  }, 900_000);

  it('refuses two jobs once: one refusal, the money back once each', async () => {
    const before = await balances();
    flipStoredBytes();
    const running = await trainBoth('refused');
    await runUntilDone(everyGap(REFUSES), running);
    for (const result of await running.ended) {
      expect(result.code).toBe(1);
      expect(result.json).toMatchObject({ error: { code: 'JOB_STATE', details: { reason: 'data-corrupt' } } });
      const { orderId } = (result.json as { error: { details: { orderId: `0x${string}` } } }).error.details;
      expect(await recordsOf(orderId)).toEqual(['access-granted', 'training-refused', 'job-settled']);
    }
    const withdrawn = await weighbridge(['withdraw'], net.cli.buyer);
    expect(withdrawn.code).toBe(0);
    expect((await balances()).buyer).toBe(before.buyer);
  }, 600_000);
});

interface TwoJobs {
  names: readonly string[];
  ended: Promise<CliResult[]>;
}

/** Two jobs of one buyer; the second is begun when the first is paid for. Resolves when both are. */
async function trainBoth(name: string): Promise<TwoJobs> {
  const names = [`${name}-1`, `${name}-2`];
  const paidBefore = (await balances()).marketplace;
  const ended: Promise<CliResult>[] = [];
  for (const [k, one] of names.entries()) {
    ended.push(train(one, String(k)));
    const due = paidBefore + BigInt(k + 1) * PRICE_WEI;
    await expect.poll(async () => (await balances()).marketplace, { timeout: 120_000, interval: 250 }).toBe(due);
  }
  return { names, ended: Promise.all(ended) };
}

/** Starts the dying worker again after each death, kills API and log once on the way, until the jobs' CLIs end. */
async function runUntilDone(points: CrashPoint[], { ended }: TwoJobs): Promise<void> {
  const plan = new CrashPlan(path.join(dir, 'plan.json'));
  plan.write(points);
  let worker: ChildService | undefined;
  for (let deaths = 0; ; deaths++) {
    if (deaths === 3) await restart('api');
    if (deaths === 5) await restart('log');
    worker = await startDyingWorker().catch(() => undefined);
    if ((await Promise.race([worker?.exited ?? 'early', ended.then(() => 'done' as const)])) === 'done') break;
  }
  await worker?.stop();
  expect(plan.remaining()).toEqual([]);
}

async function startDyingWorker(): Promise<ChildService> {
  const env = { ...devnet.context.env, CRASH_PLAN: path.join(dir, 'plan.json') };
  return startWorker({ ...devnet.context, env }, workerEntry);
}

async function restart(role: 'api' | 'log'): Promise<void> {
  devnet.roles[role].kill('SIGKILL');
  await devnet.roles[role].exited;
  devnet.roles[role] = await (role === 'api' ? startApi : startLog)(devnet.context);
}

async function train(name: string, seed: string): Promise<CliResult> {
  const file = (suffix: string): string => path.join(dir, `${name}.${suffix}`);
  const args = [
    'train',
    '--dataset',
    dataset,
    '--recipe',
    'mlp',
    '--epochs',
    '2',
    '--seed',
    seed,
    '--purpose',
    'research',
  ];
  return weighbridge([...args, '--out', file('safetensors'), '--receipt', file('json')], {
    ...net.cli.buyer,
    timeoutMs: 900_000,
  });
}

/** Types of the records that the log holds of a job, in order. */
async function recordsOf(orderId: `0x${string}`): Promise<string[]> {
  const log = createHttpLogClient({ url: devnet.network.log.url });
  const types: string[] = [];
  for await (const { entry } of readEntries(log, headOf(await log.checkpoint()))) {
    const record = parseEntry(entry);
    if (orderIdOfRecord(record) === orderId) types.push(record.type);
  }
  return types;
}

async function balances(): Promise<{ buyer: bigint; marketplace: bigint }> {
  const { rpcUrl, contracts } = devnet.network;
  const client = createPublicClient({ transport: http(rpcUrl) });
  const balanceOf = async (account: `0x${string}`): Promise<bigint> =>
    client.readContract({ address: contracts.usdfc, abi: erc20Abi, functionName: 'balanceOf', args: [account] });
  return { buyer: await balanceOf(devnet.accounts.buyer.address), marketplace: await balanceOf(contracts.marketplace) };
}

/** Flips a byte of every piece on the providers' disks: the storage adapter and the sandbox must both notice. */
function flipStoredBytes(): void {
  for (const provider of PROVIDERS) {
    const pieces = path.join(devnet.layout.dir, provider, 'pieces');
    for (const name of readdirSync(pieces)) {
      const bytes = readFileSync(path.join(pieces, name));
      const middle = bytes.length >> 1;
      bytes[middle] = (bytes[middle] ?? 0) ^ 1;
      writeFileSync(path.join(pieces, name), bytes);
    }
  }
}
