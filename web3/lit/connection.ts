import { setTimeout as delay } from 'node:timers/promises';
import type { LitNodeClient } from '@lit-protocol/lit-node-client';
import type { Network } from '../../src/kernel/index.js';
import { keyNodeStakingAbi } from '../chain/abi/key-node-staking.js';
import type { ChainView, KeyNodeSet } from './chain-view.js';
import { nodesDownError } from './failure.js';
import { quietly } from './quiet.js';
import { within } from './within.js';

/** The SDK handshakes with every listed node and takes none if one is silent: one try is short, there are several. */
const CONNECT_TIMEOUT_MS = 5_000;
/** A node that died is voted out within seconds; one that hangs takes a few pings more. */
const CONNECT_WAIT_MS = 30_000;
const PAUSE_MS = 500;
/** Looks at the nodes before they are called down: one may be starting at this moment. */
const LOOKS = 3;

export interface Connected {
  client: LitNodeClient;
  threshold: number;
}

/** One connected SDK client, used by all calls, made anew when it failed or the nodes changed under it. */
export class LitConnection {
  #connected: Promise<Connected> | undefined;
  #closed = false;

  constructor(
    private readonly network: Network,
    private readonly chain: ChainView,
  ) {}

  /** @throws WeighbridgeError KEY_NODES_DOWN, CHAIN_UNAVAILABLE; both retryable */
  async get(): Promise<Connected> {
    if (this.#closed) throw new Error('the key vault is closed');
    const current = await this.#connected?.catch(() => undefined);
    // The SDK connects again by itself when the set of nodes changes. If that failed it is not `ready`.
    if (current !== undefined && !current.client.ready) await this.drop(current);
    this.#connected ??= this.#connect();
    const attempt = this.#connected;
    return attempt.catch((error: unknown) => {
      if (this.#connected === attempt) this.#connected = undefined;
      throw error;
    });
  }

  /** Forgets a client that failed, unless somebody replaced it already. */
  async drop(failed: Connected): Promise<void> {
    const current = await this.#connected?.catch(() => undefined);
    if (current !== failed) return;
    this.#connected = undefined;
    await disconnect(failed.client);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const current = await this.#connected?.catch(() => undefined);
    if (current !== undefined) await this.drop(current);
  }

  async #connect(): Promise<Connected> {
    const deadline = Date.now() + CONNECT_WAIT_MS;
    for (let look = 1; ; look++) {
      const nodes = await this.chain.keyNodes();
      const client = await this.#try(nodes);
      if (client !== undefined) return { client, threshold: nodes.threshold };
      const alive = await countAlive(nodes.urls);
      const details = { alive, listed: nodes.urls.length, threshold: nodes.threshold };
      if (alive < nodes.threshold && look >= LOOKS)
        throw nodesDownError(`${alive} of ${nodes.threshold} needed`, details);
      if (Date.now() > deadline) throw nodesDownError('a listed node is silent and was not voted out', details);
      await delay(PAUSE_MS);
    }
  }

  async #try({ networkPublicKey }: KeyNodeSet): Promise<LitNodeClient | undefined> {
    const client = await createClient(this.network);
    try {
      await quietly(() => within(2 * CONNECT_TIMEOUT_MS, client.connect()));
      // The SDK believes the key that most nodes name. One liar among two could have us wrap keys for itself.
      if (`0x${client.subnetPubKey}` === networkPublicKey) return client;
    } catch {
      // Which node was silent is found out by asking all of them.
    }
    await disconnect(client);
    return undefined;
  }
}

/** Loaded late, because it takes a second, and quietly, because it prints as it loads. */
async function createClient({ rpcUrl, contracts }: Network): Promise<LitNodeClient> {
  const config = {
    litNetwork: 'custom' as const,
    rpcUrl,
    connectTimeout: CONNECT_TIMEOUT_MS,
    checkNodeAttestation: false,
    debug: false,
    contractContext: { Staking: { name: 'Staking', address: contracts.keyNodeStaking, abi: keyNodeStakingAbi } },
  };
  return quietly(async () => {
    const sdk = await import('@lit-protocol/lit-node-client');
    return new sdk.LitNodeClient(config as unknown as ConstructorParameters<typeof sdk.LitNodeClient>[0]);
  });
}

/**
 * `disconnect` takes the listener off the newest staking contract object; if the SDK connected again by itself the
 * listener hangs on the first, and its polling would keep this process alive. So it is taken off there, too.
 */
async function disconnect(client: LitNodeClient): Promise<void> {
  const contract = client['_stakingContract'];
  await quietly(() => client.disconnect()).catch(() => undefined);
  contract?.removeAllListeners();
}

async function countAlive(urls: string[]): Promise<number> {
  const answers = await Promise.all(
    urls.map((url) =>
      fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) })
        .then((r) => r.ok)
        .catch(() => false),
    ),
  );
  return answers.filter(Boolean).length;
}
