// Real: everything. The devnet, a worker that is in the middle of training, and the CLI as seller, buyer and auditor use it. Faked:
// a Ceramic node that lies, as a proxy before the real one.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { mustRun, weighbridge, type CliOptions, type CliResult } from '../../web3/devnet/demo/cli.js';
import { publishSmall, type TestDevnet } from '../support/devnet.js';
import { query } from '../support/log-net.js';
import { startTamperingProxy, type TamperingProxy } from '../support/tampering-proxy.js';
import { market } from './market.js';

const PRICE = 5n * 10n ** 18n;
let net: TestDevnet;
let proxy: TamperingProxy;
let deceived: CliOptions;
let dataset: string;

/** Rows of this dataset. */
const ours = async <T extends object>(columns: string, table: string, more = ''): Promise<T[]> =>
  query<T>(net.devnet.databaseUrl, `SELECT ${columns} FROM ${table} WHERE key_id = '${dataset}' ${more}`);

interface JobRow {
  state: string;
  reason: string | null;
  progress_step: number;
}
const job = async (): Promise<JobRow | undefined> => (await ours<JobRow>('state, reason, progress_step', 'jobs'))[0];

const credit = async (): Promise<bigint> =>
  BigInt(((await mustRun(['account', 'show'], net.cli.buyer)) as { owedWei: string }).owedWei);

/** The longest run that a model may ask for, over enough rows that it outlasts any command. */
const train = async (): Promise<CliResult> => {
  const asked = ['train', '--dataset', dataset, '--recipe', 'mlp', '--epochs', '10000', '--purpose', 'research'];
  return weighbridge([...asked, '--out', 'weights.safetensors'], { ...net.cli.buyer, timeoutMs: 1_200_000 });
};

describe('consent that is revoked', () => {
  beforeAll(async () => {
    net = market();
    const { ceramic, ...network } = net.devnet.network;
    proxy = await startTamperingProxy(ceramic.url);
    const networkFile = path.join(net.dir, 'deceived.json');
    writeFileSync(networkFile, JSON.stringify({ ...network, ceramic: { ...ceramic, url: proxy.url } }));
    deceived = { ...net.cli.seller, networkFile };
    const rows = Array.from({ length: 3_000 }, (_, i) => `${i % 10},${(i * 7) % 10},${i % 2}`);
    dataset = await publishSmall(net, rows);
  }, 600_000);
  afterAll(async () => {
    await proxy?.stop();
  }, 60_000);

  it('stops a job in the middle of training, gives the money back, and says why in the log', async () => {
    const training = train();
    await vi.waitUntil(async () => ((await job())?.progress_step ?? 0) > 0, { timeout: 600_000, interval: 200 });
    expect(await job()).toMatchObject({ state: 'training' });
    await mustRun(['revoke', dataset], net.cli.seller);

    const { code, json } = await training;
    const details = { reason: 'dataset-revoked', refundTransaction: expect.stringMatching(/^0x/) as unknown };
    expect({ code, json }).toMatchObject({ code: 1, json: { error: { code: 'JOB_STATE', details } } });
    expect(await job()).toMatchObject({ state: 'refunded', reason: 'dataset-revoked' });
    expect(await credit()).toBe(PRICE);
    expect(() => readFileSync(path.join(net.dir, 'weights.safetensors'))).toThrow('ENOENT');

    // Nobody gets further, and the report of what was touched has the access that there was, and no model.
    expect(await train()).toMatchObject({ code: 1 });
    expect((await ours('id', 'jobs')).length).toBe(1);
    const touched = await mustRun(['blast-radius', dataset], net.cli.seller);
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
        audit = (await audited(net.cli.seller)).json as Audit | undefined;
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
      const { code, json } = await audited(deceived);
      return { code, problem: (json as Audit).ceramic.batches[0]?.problem?.kind };
    };
    expect(await verdictOf((commits) => commits)).toEqual({ code: 0, problem: undefined });
    expect(await verdictOf((commits) => commits.slice(0, 1))).toEqual({ code: 1, problem: 'missing' });
    expect(await verdictOf((commits) => commits.toSpliced(1, 1))).toEqual({ code: 1, problem: 'altered' });
  }, 600_000);
});

type Commit = Record<string, unknown>;

/** Where a Ceramic client reads the commits of the dataset's first batch. */
async function firstBatchPath(): Promise<string> {
  const [batch] = await ours<{ stream_id: string }>('stream_id', 'relay_batches', 'AND seq = 1');
  return `/api/v0/commits/${batch?.stream_id ?? ''}`;
}
