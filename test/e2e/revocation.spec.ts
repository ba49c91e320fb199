// Real: everything. A whole devnet, a worker that is in the middle of training, and the CLI as seller, buyer and auditor use it. Faked:
// a Ceramic node that lies, as a proxy before the real one.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { mustRun, weighbridge, type CliOptions, type CliResult } from '../../web3/devnet/demo/cli.js';
import { startDevnet, type Devnet } from '../../web3/devnet/devnet.js';
import { repositoryRoot } from '../../web3/devnet/repository-root.js';
import { distDir } from '../support/build.js';
import { query } from '../support/log-net.js';
import { startTamperingProxy, type TamperingProxy } from '../support/tampering-proxy.js';

const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-revocation-'));
const PRICE = 5n * 10n ** 18n;
let devnet: Devnet;
let proxy: TamperingProxy;
let cli: Record<'seller' | 'buyer' | 'deceived', CliOptions>;
let dataset: string;

beforeAll(async () => {
  devnet = await startDevnet({ dir: path.join(dir, 'net'), distDir: distDir() });
  proxy = await startTamperingProxy(devnet.network.ceramic.url);
  const deceived = path.join(dir, 'deceived.json');
  const { ceramic, ...network } = devnet.network;
  writeFileSync(deceived, JSON.stringify({ ...network, ceramic: { ...ceramic, url: proxy.url } }));
  const options = { distDir: distDir(), networkFile: devnet.layout.networkFile, cwd: dir };
  cli = {
    seller: { ...options, keyFile: devnet.layout.keyFile('seller') },
    buyer: { ...options, keyFile: devnet.layout.keyFile('buyer') },
    deceived: { ...options, networkFile: deceived },
  };
  const rows = Array.from({ length: 3_000 }, (_, i) => `${i % 10},${(i * 7) % 10},${i % 2}`);
  writeFileSync(path.join(dir, 'small.csv'), ['a,b,even', ...rows, ''].join('\n'));
  const columns = { a: { range: [0, 9] }, b: { range: [0, 9] }, even: { vocabulary: [0, 1] } };
  writeFileSync(path.join(dir, 'small.columns.json'), JSON.stringify(columns));
  const terms = path.join(repositoryRoot(), 'examples/terms.json');
  const args = ['publish', 'small.csv', '--label', 'even', '--title', 'Small', '--price', '5', '--terms', terms];
  dataset = ((await mustRun(args, cli.seller)) as { id: string }).id;
}, 600_000);
afterAll(async () => {
  await proxy?.stop();
  await devnet?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

interface JobRow {
  state: string;
  reason: string | null;
  progress_step: number;
}
const job = async (): Promise<JobRow | undefined> =>
  (await query<JobRow>(devnet.databaseUrl, 'SELECT state, reason, progress_step FROM jobs'))[0];

const credit = async (): Promise<bigint> =>
  BigInt(((await mustRun(['account', 'show'], cli.buyer)) as { owedWei: string }).owedWei);

/** The longest run that a model may ask for, over enough rows that it outlasts any command. */
const train = async (): Promise<CliResult> => {
  const asked = ['train', '--dataset', dataset, '--recipe', 'mlp', '--epochs', '10000', '--purpose', 'research'];
  return weighbridge([...asked, '--out', 'weights.safetensors'], { ...cli.buyer, timeoutMs: 1_200_000 });
};

it('stops a job in the middle of training, gives the money back, and says why in the log', async () => {
  const training = train();
  await vi.waitUntil(async () => ((await job())?.progress_step ?? 0) > 0, { timeout: 600_000, interval: 200 });
  expect(await job()).toMatchObject({ state: 'training' });
  await mustRun(['revoke', dataset], cli.seller);

  const { code, json } = await training;
  const details = { reason: 'dataset-revoked', refundTransaction: expect.stringMatching(/^0x/) as unknown };
  expect({ code, json }).toMatchObject({ code: 1, json: { error: { code: 'JOB_STATE', details } } });
  expect(await job()).toMatchObject({ state: 'refunded', reason: 'dataset-revoked' });
  expect(await credit()).toBe(PRICE);
  expect(() => readFileSync(path.join(dir, 'weights.safetensors'))).toThrow('ENOENT');

  // Nobody gets further, and the report of what was touched has the access that there was, and no model.
  expect(await train()).toMatchObject({ code: 1 });
  expect((await query(devnet.databaseUrl, 'SELECT FROM jobs')).length).toBe(1);
  const touched = await mustRun(['blast-radius', dataset], cli.seller);
  expect(touched).toMatchObject({ accesses: [{ index: expect.any(Number) as unknown }], models: [] });
}, 1_500_000);

it('is audited against Ceramic alone, and what a Ceramic node hides or alters is named', async () => {
  const audited = async (options: CliOptions): Promise<CliResult> =>
    weighbridge(['audit', dataset, '--ceramic'], options);
  interface Audit {
    ok: boolean;
    records: { type: string }[];
    online: { ok: boolean; detail: string }[];
    ceramic: { batches: { seq: number; records: number; problem?: { kind: string } }[] };
  }
  // The refund is logged after the refusal, and the relay follows the log.
  const types = [
    'dataset-listed',
    'licence-issued',
    'access-granted',
    'consent-revoked',
    'training-refused',
    'job-settled',
  ];
  let audit: Audit | undefined;
  await vi.waitUntil(
    async () => {
      audit = (await audited(cli.seller)).json as Audit | undefined;
      return audit?.records.length === types.length && audit.online[0]?.detail.includes('not yet') === false;
    },
    { timeout: 300_000, interval: 500 },
  );
  expect(audit).toMatchObject({ ok: true, online: [{ name: 'ceramic:history', ok: true }] });
  expect(audit?.records.map(({ type }) => type).sort()).toEqual(types.sort());
  const batches = audit?.ceramic.batches ?? [];
  expect(batches.length).toBeGreaterThan(1);
  expect(batches.reduce((sum, { records }) => sum + records, 0)).toBe(types.length);

  const first = await firstBatchPath();
  const verdictOf = async (commits: (honest: Commit[]) => Commit[]): Promise<unknown> => {
    proxy.tamper = (url, answer) =>
      url === first ? { commits: commits((answer as { commits: Commit[] }).commits) } : answer;
    const { code, json } = await audited(cli.deceived);
    return { code, problem: (json as Audit).ceramic.batches[0]?.problem?.kind };
  };
  expect(await verdictOf((commits) => commits)).toEqual({ code: 0, problem: undefined });
  expect(await verdictOf((commits) => commits.slice(0, 1))).toEqual({ code: 1, problem: 'missing' });
  expect(await verdictOf((commits) => commits.toSpliced(1, 1))).toEqual({ code: 1, problem: 'altered' });
}, 600_000);

type Commit = Record<string, unknown>;

/** Where a Ceramic client reads the commits of the dataset's first batch. */
async function firstBatchPath(): Promise<string> {
  const [batch] = await query<{ stream_id: string }>(
    devnet.databaseUrl,
    'SELECT stream_id FROM relay_batches WHERE seq = 1',
  );
  return `/api/v0/commits/${batch?.stream_id ?? ''}`;
}
