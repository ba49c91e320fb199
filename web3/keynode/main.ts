import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import { isWeighbridgeError, type Address } from '../../src/kernel/index.js';
import { nodeHost } from '../lit/node-url.js';
import { findSelf, openShare } from './boot.js';
import { CallerLimit } from './caller-limit.js';
import { createNodeChain, isRecentBlock } from './chain.js';
import { createEncryptionSign } from './encryption-sign.js';
import { readEnv } from './env.js';
import { createHandshake } from './handshake.js';
import { NodeError } from './node-error.js';
import { PeerWatch } from './peers.js';
import { ping } from './ping.js';
import { createReleaseCheck } from './release.js';
import { createServer } from './server.js';
import { createStaking } from './staking.js';

const CALLS_PER_MINUTE = 120;
/** How long a node waits at start for a chain that is starting too. */
const CHAIN_WAIT_MS = 30_000;

/** Composition root of a key node: one share, one chain, one HTTP server, one watch over its peers. */
async function main(): Promise<void> {
  const env = readEnv(process.env);
  const { network } = env;
  const share = await openShare(env);
  const log = pino({ name: 'key-node', level: env.logLevel, base: { name: 'key-node', index: share.facts.index } });
  const chain = createNodeChain(network, env.account);
  const staking = createStaking(chain, network.contracts.keyNodeStaking);
  const self = await patiently(() => findSelf(chain, staking, share, network.chainId));

  const limit = new CallerLimit(CALLS_PER_MINUTE, 60_000);
  const app = await createServer({
    log,
    address: self.address,
    index: share.facts.index,
    handshake: createHandshake(chain, share.facts.networkPublicKey),
    encryptionSign: createEncryptionSign({
      share: { index: share.facts.index, bytes: share.bytes },
      chainId: network.chainId,
      marketplace: network.contracts.marketplace,
      nodeHost: nodeHost(self),
      isRecentBlock: (hash) => isRecentBlock(chain, hash),
      mayRelease: createReleaseCheck(chain, network.contracts.marketplace),
      limitCaller: (caller: Address) => {
        if (limit.allows(caller, performance.now())) return;
        throw new NodeError('NodeRateLimitExceeded', 'This wallet asks too often.');
      },
      nowMs: Date.now,
    }),
  });
  await app.listen({ host: env.host, port: env.port });

  const stop = async (): Promise<void> => {
    await app.close();
    share.bytes.fill(0);
    process.exit(0); // A vote may be waiting for its block: nothing is lost with it.
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());
  const peers = new PeerWatch({ staking, ping, log, nowMs: Date.now });
  for (;;) {
    await peers.look();
    await delay(env.pingMs);
  }
}

/** Waits for a chain that does not answer yet; a configuration that does not fit it fails at once. */
async function patiently<T>(look: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + CHAIN_WAIT_MS;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (isWeighbridgeError(error) || Date.now() > deadline) throw error;
      await delay(500);
    }
  }
}

main().catch((error: unknown) => {
  const reason = isWeighbridgeError(error) ? `${error.message} ${error.next}` : String(error);
  process.stderr.write(`key node: ${reason}\n`);
  process.exit(1);
});
