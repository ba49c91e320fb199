import { setTimeout as delay } from 'node:timers/promises';
import type { LitNodeClient } from '@lit-protocol/lit-node-client';
import { WeighbridgeError, type Network } from '../../src/kernel/index.js';
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

/** One connected SDK client, used by all calls, made anew when it failed. */
export class LitConnection {
  #connected: Promise<Connected> | undefined;
  #closed = false;

  constructor(
    private readonly network: Network,
    private readonly chain: ChainView,
  ) {}

  /** @throws WeighbridgeError KEY_NODES_DOWN, CHAIN_UNAVAILABLE; both retryable */
  async get(): Promise<Connected> {
    if (this.#closed) throw closed();
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
    for (let look = 1; !this.#closed; look++) {
      const nodes = await this.chain.keyNodes();
      const result = await this.#try(nodes);
      if (typeof result === 'object') return { client: result, threshold: nodes.threshold };
      const alive = await countAlive(nodes.urls);
      const details = { alive, listed: nodes.urls.length, threshold: nodes.threshold };
      if (look >= LOOKS && alive < nodes.threshold) {
        throw nodesDownError(`${alive} of the ${nodes.threshold} that are needed`, details);
      }
      if (look >= LOOKS && result === 'wrong key') throw nodesDownError('they name another network key', details);
      if (Date.now() > deadline) throw nodesDownError('a listed node is silent and was not voted out', details);
      await delay(PAUSE_MS);
    }
    throw closed();
  }

  async #try({ networkPublicKey }: KeyNodeSet): Promise<LitNodeClient | 'silent' | 'wrong key'> {
    const client = await createClient(this.network);
    const connecting = quietly(() => client.connect());
    const connected = await within(2 * CONNECT_TIMEOUT_MS, connecting).then(
      () => true,
      () => false, // Which node was silent is found out by asking all of them.
    );
    if (!connected) {
      // It may still come to its end, and begin to listen.
      void connecting
        .then(() => stopListening(client))
        .catch(() => undefined)
        .then(() => disconnect(client));
      return 'silent';
    }
    stopListening(client);
    // The SDK believes the key that most nodes name. One liar among two could have us wrap keys for itself.
    if (`0x${client.subnetPubKey}` === networkPublicKey) return client;
    await disconnect(client);
    return 'wrong key';
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
 * The SDK would connect again by itself, whenever the set of nodes changes: then it would take a network key that nobody
 * compared with the chain's, and at the end it would listen on a contract object that `disconnect` does not know, which
 * keeps the process alive. So it does not listen. A client that was connected to three nodes goes on with those.
 */
function stopListening(client: LitNodeClient): void {
  client['_stakingContract']?.removeAllListeners();
}

async function disconnect(client: LitNodeClient): Promise<void> {
  await quietly(() => client.disconnect()).catch(() => undefined);
}

function closed(): WeighbridgeError {
  return new WeighbridgeError('UNAVAILABLE', 'the key vault is closed', { next: 'Make a new one.' });
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
