import { setTimeout as delay } from 'node:timers/promises';
import type { LitNodeClient } from '@lit-protocol/lit-node-client';
import type { KeyVault, Signer } from '../../src/access/ports.js';
import type { WrappedKey } from '../../src/catalog/manifest.js';
import { sha256Hex, WeighbridgeError, type Bytes32, type Network } from '../../src/kernel/index.js';
import { createChainView, type ChainView } from './chain-view.js';
import { canonicalCondition, litChainName, releaseIdentity } from './condition.js';
import { LitConnection, type Connected } from './connection.js';
import {
  badCiphertextError,
  deniedError,
  failureOf,
  nodesDownError,
  refusedError,
  WrongKey,
  type Failure,
} from './failure.js';
import { quietly } from './quiet.js';
import { leavingOut, signSession } from './session.js';
import { within } from './within.js';

const KEY_BYTES = 32;
const SDK_TIMEOUT_MS = 15_000;
/** Asking all nodes, and then, if a share was bad, leaving out each of three. */
const ATTEMPTS = 4;
const PAUSE_MS = 500;

export interface ConnectedVault extends KeyVault {
  close(): Promise<void>;
}

/**
 * The key nodes through the unmodified lit-node-client. One vault holds one connection; calls may run at the same time.
 * @throws WeighbridgeError from its calls: KEY_DENIED (`retryable` tells a denial that may pass, such as a record that
 * is not final yet), KEY_NODES_DOWN, CHAIN_UNAVAILABLE (both retryable), WRONG_CHAIN, MALFORMED_DATA (the wrapped key is
 * not for its condition), BAD_SIGNATURE (the worker's wallet failed), BAD_INPUT
 */
export function createKeyVault({ network }: { network: Network }): ConnectedVault {
  const chain = createChainView(network);
  const connection = new LitConnection(network, chain);
  return {
    wrap: (dataKey, keyId) => wrap(network, connection, dataKey, keyId),
    unwrap: (wrapped, worker) => unwrap(network, connection, chain, wrapped, worker),
    close: () => connection.close(),
  };
}

async function wrap(
  network: Network,
  connection: LitConnection,
  dataKey: Uint8Array,
  keyId: Bytes32,
): Promise<WrappedKey> {
  if (dataKey.length !== KEY_BYTES) {
    throw new WeighbridgeError('BAD_INPUT', `a data key has ${KEY_BYTES} bytes, not ${dataKey.length}`, {
      next: `Give ${KEY_BYTES} random bytes.`,
    });
  }
  const condition = { chainId: network.chainId, marketplace: network.contracts.marketplace, keyId };
  const { client } = await connection.get();
  const request = { evmContractConditions: [canonicalCondition(condition)], dataToEncrypt: dataKey };
  try {
    const { ciphertext, dataToEncryptHash } = await quietly(() =>
      within(SDK_TIMEOUT_MS, client.encrypt(request as unknown as Parameters<LitNodeClient['encrypt']>[0])),
    );
    return { scheme: 'lit-bls12381-v1', ciphertext, dataToEncryptHash, condition };
  } catch (error) {
    // Encryption is local: what fails here is no node. The SDK's error holds the data key, so it stays here.
    throw new WeighbridgeError('INTERNAL', `the SDK could not encrypt: ${failureOf(error).reason}`, {
      next: 'Report this with the version of @lit-protocol/lit-node-client.',
    });
  }
}

async function unwrap(
  network: Network,
  connection: LitConnection,
  chain: ChainView,
  wrapped: WrappedKey,
  worker: Signer,
): Promise<Uint8Array> {
  assertSameDeployment(network, wrapped);
  const { keyId } = wrapped.condition;
  let last: Failure = { kind: 'unreachable', reason: 'not asked' };
  let badShares = 0;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) await delay(PAUSE_MS);
    const connected = await connection.get();
    try {
      return await open(connected, chain, wrapped, worker, badShares);
    } catch (error) {
      // A failed signature of the worker's wallet, or a chain that cannot be read, is said as it is.
      if (error instanceof WeighbridgeError) throw error;
      last = failureOf(error);
    }
    if (last.kind === 'denied') {
      const view = await chain.release(keyId, worker.address);
      if (view !== 'allowed' || attempt === ATTEMPTS - 1) throw deniedError(last.reason, view, keyId, worker.address);
    }
    if (last.kind === 'bad-ciphertext') throw badCiphertextError(keyId);
    if (last.kind === 'unreachable') await connection.drop(connected);
    if (last.kind === 'bad-share') badShares++;
  }
  throw last.kind === 'refused'
    ? refusedError(last.reason, keyId, worker.address)
    : nodesDownError(last.reason, { keyId });
}

/**
 * One round of questions to the nodes.
 * @param badShares rounds that a bad share spoiled: each names another node to do without
 */
async function open(
  { client, threshold }: Connected,
  chain: ChainView,
  wrapped: WrappedKey,
  worker: Signer,
  badShares: number,
): Promise<Uint8Array> {
  const { condition, dataToEncryptHash, ciphertext } = wrapped;
  const { resource } = releaseIdentity(condition, dataToEncryptHash);
  const chainName = litChainName(condition.chainId);
  const blockHash = await chain.latestBlockHash();
  const sigs = await signSession(client, worker, { chainId: condition.chainId, chain: chainName, resource, blockHash });
  const spare = Object.keys(sigs).length > threshold;
  const request = {
    evmContractConditions: [canonicalCondition(condition)],
    chain: chainName,
    ciphertext,
    dataToEncryptHash,
    sessionSigs: badShares > 0 && spare ? leavingOut(sigs, badShares) : sigs,
  };
  const { decryptedData } = await quietly(() =>
    within(SDK_TIMEOUT_MS, client.decrypt(request as unknown as Parameters<LitNodeClient['decrypt']>[0])),
  );
  const key = Uint8Array.from(decryptedData);
  decryptedData.fill(0);
  if (key.length === KEY_BYTES && sha256Hex(key) === dataToEncryptHash) return key;
  key.fill(0);
  throw new WrongKey();
}

function assertSameDeployment({ chainId, contracts }: Network, { condition }: WrappedKey): void {
  const { marketplace } = condition;
  if (condition.chainId === chainId && marketplace.toLowerCase() === contracts.marketplace.toLowerCase()) return;
  throw new WeighbridgeError('WRONG_CHAIN', 'the data key is wrapped for another deployment', {
    next: 'Use the network.json of the deployment that the dataset was published on.',
    details: {
      wrapped: { chainId: condition.chainId, marketplace },
      here: { chainId, marketplace: contracts.marketplace },
    },
  });
}
