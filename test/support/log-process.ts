import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { privateKeyToAccount } from 'viem/accounts';
import { canonicalJson, fromHex, to0x, utf8, type Address, type Network } from '../../src/kernel/index.js';
import { createHttpLogClient, dssePae, type LogClient } from '../../src/provenance/index.js';
import { noteSigner } from '../../src/provenance/log/signers.js';
import { toBase64 } from '../../src/provenance/verify/base64.js';
import { freePort, startChild, type ChildService } from '../../web3/devnet/service.js';
import { distDir } from './build.js';

export interface LogProcess extends ChildService {
  url: string;
  client: LogClient;
}

/** The keys of one log, and the files and environment that its processes start with. */
export interface TestLog {
  origin: string;
  vkey: string;
  /** The log's Ed25519 key, PKCS8 PEM. */
  pem: string;
  token: string;
  logFile: string;
  /** Where its processes leave their tiles. */
  tilesDir: string;
  /** Writes the network file: which LogAnchor, on which chain, and the witnesses if there are any. Before the first start. */
  publish(facts: NetworkFacts): void;
  /**
   * Starts a process of this log and waits until it sequences, or without `ready` until `/healthz` answers.
   * @param options.wrap - a command that runs the one behind it
   */
  start(
    databaseUrl: string,
    options?: { env?: Record<string, string>; ready?: boolean; port?: number; wrap?: string[] },
  ): Promise<LogProcess>;
  /** Runs a process that is expected to end by itself: its exit code and what it said. */
  runToEnd(databaseUrl: string): Promise<{ code: number | null; stderr: string }>;
}

/** A log of its own in `dir`, with the real process behind it. */
export function testLog(dir: string, origin = 'log.example/test', pem = newPem()): TestLog {
  mkdirSync(dir, { recursive: true });
  const file = (name: string, text: string): string => {
    writeFileSync(path.join(dir, name), text, { mode: 0o600 });
    return path.join(dir, name);
  };
  const token = randomBytes(32).toString('hex');
  const { vkey } = noteSigner(origin, pem);
  const logFile = path.join(dir, 'log.log');
  const tilesDir = path.join(dir, 'tiles');
  const environment = (databaseUrl: string, port: number): NodeJS.ProcessEnv => ({
    ...process.env,
    LOG_PORT: String(port),
    DATABASE_URL: databaseUrl,
    LOG_ORIGIN: origin,
    LOG_KEY_FILE: file('log.pem', pem),
    LOG_ADD_TOKEN_FILE: file('token', `${token}\n`),
    LOG_TILES_DIR: tilesDir,
    WEIGHBRIDGE_NETWORK: path.join(dir, 'network.json'),
  });
  const script = path.join(distDir(), 'programs/log.js');
  return {
    origin,
    vkey,
    pem,
    token,
    logFile,
    tilesDir,
    publish(facts) {
      file('network.json', JSON.stringify(networkOf(facts, origin, vkey)));
    },
    async start(databaseUrl, { env = {}, ready = true, port: fixed, wrap = [] } = {}) {
      const port = fixed ?? (await freePort());
      const url = `http://127.0.0.1:${port}`;
      const probe = ready ? '/readyz' : '/healthz';
      const child = await startChild({
        name: 'log',
        command: wrap[0] ?? process.execPath,
        args: [...wrap.slice(1), ...(wrap.length === 0 ? [] : [process.execPath]), script],
        env: { ...environment(databaseUrl, port), ...env },
        logFile,
        ready: async () => (await fetch(url + probe)).ok,
        readyTimeoutMs: 60_000,
      });
      return { ...child, url, client: createHttpLogClient({ url, token, attempts: 12 }) };
    },
    async runToEnd(databaseUrl) {
      const child = spawn(process.execPath, [script], { env: environment(databaseUrl, await freePort()) });
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      const [code] = (await once(child, 'close')) as [number | null];
      return { code, stderr };
    },
  };
}

function newPem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

export interface NetworkFacts {
  rpcUrl: string;
  chainId: number;
  logAnchor: Address;
  /** None unless given: then the log's own signature is all that a checkpoint has. */
  witnesses?: Network['witnesses'];
  /** The key in use alone unless given. */
  vkeys?: Network['log']['vkeys'];
}

/** A network file's content, of which only what the log uses is real. */
export function networkOf(facts: NetworkFacts, origin: string, vkey: string): Network {
  const unused = `0x${'00'.repeat(20)}` as const;
  return {
    version: 1,
    name: 'test',
    chainId: facts.chainId,
    rpcUrl: facts.rpcUrl,
    apiUrl: 'http://127.0.0.1:1',
    contracts: {
      marketplace: unused,
      logAnchor: facts.logAnchor,
      keyNodeStaking: unused,
      usdfc: unused,
      multicall3: unused,
      pdp: unused,
      fwss: unused,
      fwssView: unused,
      filecoinPay: unused,
      serviceProviderRegistry: unused,
      sessionKeyRegistry: unused,
      endorsements: unused,
    },
    operator: unused,
    recorder: unused,
    treasury: unused,
    protocolFeeBps: 0,
    log: { origin, url: 'http://127.0.0.1:1', vkeys: facts.vkeys ?? [{ vkey, fromSize: 0 }] },
    witnesses: facts.witnesses ?? { quorum: 0, members: [] },
    ceramic: { url: 'http://127.0.0.1:1', controller: '', model: '' },
  };
}

const signerOfAll = privateKeyToAccount(to0x(new Uint8Array(32).fill(7)));
const anySignature = signerOfAll.signMessage({ message: { raw: dssePae('x', utf8('any')) } });

/** A well-formed entry that nobody signed rightly: the log takes form, verifiers take truth. Cheap, for load. */
export async function wellFormedEntry(seed: string): Promise<Uint8Array> {
  const orderId = to0x(new Uint8Array(32).map((_, i) => seed.charCodeAt(i % seed.length) ^ i));
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: `job:${seed}`, digest: { sha256: '0'.repeat(64) } }],
    predicateType: 'https://weighbridge.dev/training-refused/v1',
    predicate: {
      orderId,
      keyId: orderId,
      position: { sequence: 1, previous: null },
      operator: signerOfAll.address,
      reason: 'trainer-failed',
      privacySpent: false,
      refusedAt: '2026-11-25T00:00:00.000Z',
    },
  };
  const envelope = {
    payloadType: 'application/vnd.in-toto+json',
    payload: toBase64(utf8(canonicalJson(statement))),
    signatures: [{ keyid: `eip155:1:${signerOfAll.address}`, sig: toBase64(fromHex(await anySignature)) }],
  };
  return utf8(`weighbridge/v1 training-refused ${'0'.repeat(64)}\n${canonicalJson(envelope)}`);
}
