import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadApiEnv, loadWorkerEnv } from './env.js';

const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-env-'));
const address = (n: number): string => `0x${n.toString(16).padStart(40, '0')}`;
const CONTRACTS =
  'marketplace logAnchor keyNodeStaking usdfc multicall3 pdp fwss fwssView filecoinPay serviceProviderRegistry sessionKeyRegistry endorsements';
const network = {
  version: 1,
  name: 'test',
  chainId: 1,
  rpcUrl: 'http://127.0.0.1:1',
  apiUrl: 'http://127.0.0.1:2',
  contracts: Object.fromEntries(CONTRACTS.split(' ').map((name, i) => [name, address(i + 1)])),
  operator: address(20),
  recorder: address(21),
  treasury: address(22),
  protocolFeeBps: 250,
  log: { origin: 'log.example', url: 'http://127.0.0.1:3', vkeys: [{ vkey: 'k', fromSize: 0 }] },
  witnesses: { quorum: 0, members: [] },
  ceramic: { url: 'http://127.0.0.1:4', controller: 'did:key:z', model: 'k' },
};

function networkFile(content: unknown): string {
  const file = path.join(dir, `${Math.random()}.json`);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}
const good = {
  WEIGHBRIDGE_NETWORK: networkFile(network),
  DATABASE_URL: 'postgresql://user:hunter2@127.0.0.1/weighbridge',
  BLOB_DIR: '/blobs',
  LOG_ADD_TOKEN_FILE: '/token',
  RECORDER_KEY_FILE: '/key',
};

describe('environment of a worker', () => {
  const worker = {
    ...good,
    OPERATOR_KEY_FILE: '/operator',
    WORKER_SEED_FILE: '/seed',
    RELAY_SEED_FILE: '/relay',
    PYTHON_DIR: '/python',
    TRAINER_DIR: '/trainer',
  };

  it.each([
    [undefined, 'none'],
    ['all', 'all'],
    ['auto', 'auto'],
    ['2', [2]],
    ['0,1,1', [0, 1]],
  ])('takes GPUs from WORKER_GPUS=%s', (text, gpus) => {
    expect(loadWorkerEnv({ ...worker, WORKER_GPUS: text }).WORKER_GPUS).toEqual(gpus);
  });

  it.each(['yes', '-1', '0,', ''])('dies naming WORKER_GPUS when it is "%s"', (text) => {
    expect(() => loadWorkerEnv({ ...worker, WORKER_GPUS: text })).toThrow('WORKER_GPUS');
  });
});

describe('environment of the API', () => {
  it('reads the network file and fills in what may be left out', () => {
    const env = loadApiEnv(good);
    expect(env.WEIGHBRIDGE_NETWORK).toMatchObject({ chainId: 1, recorder: address(21) });
    expect(env).toMatchObject({ HOST: '127.0.0.1', PORT: 4000, LOG_LEVEL: 'info', TRUST_PROXY: 'false' });
    expect(env.REDIS_URL).toBeUndefined();
  });

  it.each([
    ['DATABASE_URL', undefined],
    ['DATABASE_URL', 'mysql://user:hunter2@127.0.0.1/x'],
    ['REDIS_URL', 'http://127.0.0.1'],
    ['PORT', '70000'],
    ['PORT', 'http'],
    ['LOG_LEVEL', 'loud'],
    ['BLOB_DIR', ''],
    ['RECORDER_KEY_FILE', undefined],
    ['RATE_LIMIT_PER_ADDRESS', '0'],
    ['TRUST_PROXY', 'yes'],
    ['WEIGHBRIDGE_NETWORK', '/no/such/file.json'],
    ['WEIGHBRIDGE_NETWORK', networkFile('{')],
    ['WEIGHBRIDGE_NETWORK', networkFile({ ...network, recorder: 'me' })],
  ])('dies naming %s when it is %j, and repeats no value that may be secret', (variable, value) => {
    const load = (): unknown => loadApiEnv({ ...good, [variable]: value });
    expect(load).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', details: { variables: [variable] } }));
    expect(load).toThrow(variable);
    expect(load).not.toThrow('hunter2');
  });

  it('names every bad variable at once', () => {
    expect(() => loadApiEnv({})).toThrow(expect.objectContaining({ details: { variables: Object.keys(good) } }));
  });
});
