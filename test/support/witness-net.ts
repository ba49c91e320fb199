import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import type { Address, Deployed } from '../../src/kernel/index.js';
import { readEd25519Key } from '../../src/provenance/witness/index.js';
import { freePort } from '../../web3/devnet/service.js';
import { CheckpointStore } from '../../web3/witness/checkpoint-store.js';
import { initWitness } from '../../web3/witness/init.js';
import { parseLogs } from '../../web3/witness/known-logs.js';
import { createServer } from '../../web3/witness/server.js';
import { witnessSigner } from '../../web3/witness/witness-signer.js';

/** What a witness of the tests watches. */
export interface WatchedLog {
  origin: string;
  vkeys: string[];
  anchor?: Deployed;
}

/** The whole of a witness but its process, so that many tests can have three: real keys, state, HTTP. It can be made slow. */
export class TestWitness {
  /** Every answer waits this long. */
  delayMs = 0;
  readonly vkey: string;
  readonly address: Address;
  readonly account: PrivateKeyAccount;
  #app: FastifyInstance | undefined;
  #store: CheckpointStore | undefined;

  private constructor(
    readonly name: string,
    private readonly dir: string,
    private readonly port: number,
  ) {
    ({ vkey: this.vkey, address: this.address } = initWitness(this.files));
    this.account = privateKeyToAccount(readFileSync(this.files.chainKeyFile, 'utf8').trim() as `0x${string}`);
  }

  /** Makes its keys; `start` lets it watch. */
  static async create(dir: string, name: string): Promise<TestWitness> {
    mkdirSync(dir, { recursive: true });
    return new TestWitness(name, dir, await freePort());
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  get member(): { vkey: string; url: string; address: Address } {
    return { vkey: this.vkey, url: this.url, address: this.address };
  }

  async start(logs: WatchedLog[]): Promise<void> {
    const key = readEd25519Key(readFileSync(this.files.keyFile, 'utf8'), 'WITNESS_KEY_FILE');
    const signer = witnessSigner(this.name, key, this.account);
    this.#store = CheckpointStore.open(this.files.stateFile, this.vkey);
    const known = parseLogs(JSON.stringify(logs));
    const log = pino({ level: 'silent' });
    this.#app = await createServer({ log, logs: known, store: this.#store, signer, nowMs: Date.now });
    this.#app.addHook('onRequest', async () => {
      if (this.delayMs > 0) await delay(this.delayMs);
    });
    await this.#app.listen({ host: '127.0.0.1', port: this.port });
  }

  async stop(): Promise<void> {
    await this.#app?.close();
    this.#store?.close();
    this.#app = undefined;
    this.#store = undefined;
  }

  /** Size of what it cosigned last for a log. */
  sizeOf(origin: string): number {
    return this.#store?.latest(origin)?.size ?? 0;
  }

  private get files(): Parameters<typeof initWitness>[0] {
    return {
      name: this.name,
      keyFile: path.join(this.dir, 'key.pem'),
      chainKeyFile: path.join(this.dir, 'chain'),
      stateFile: path.join(this.dir, 'state'),
    };
  }
}

/** Three by default, named `witness.example/w1` and so on. */
export async function testWitnesses(dir: string, count = 3): Promise<TestWitness[]> {
  const numbers = Array.from({ length: count }, (_, i) => i + 1);
  return Promise.all(numbers.map(async (n) => TestWitness.create(path.join(dir, `w${n}`), `witness.example/w${n}`)));
}
