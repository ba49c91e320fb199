// Real: anvil, KeyNodeStaking, three key node processes, the unmodified lit-node-client. Faked: ReleaseBoard stands in for
// Marketplace, so that a test can say when canRelease holds.
import { randomBytes } from 'node:crypto';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Bytes32 } from '../../src/kernel/index.js';
import { createKeyVault } from '../../web3/lit/key-vault.js';
import { canonicalCondition, litChainName, releaseIdentity } from '../../web3/lit/condition.js';
import { startKeyNet, type KeyNet } from '../support/key-net.js';
import { sessionSig } from '../support/lit-session.js';

let net: KeyNet;
let vault: ReturnType<typeof createKeyVault>;

beforeAll(async () => {
  net = await startKeyNet();
  vault = createKeyVault({ network: net.network });
});
afterAll(async () => {
  await vault?.close();
  await net?.stop();
});

const newWorker = () => privateKeyToAccount(generatePrivateKey());
const newKeyId = (): Bytes32 => `0x${randomBytes(32).toString('hex')}`;

async function wrapped() {
  const dataKey = new Uint8Array(randomBytes(32));
  const keyId = newKeyId();
  return { dataKey, keyId, key: await vault.wrap(dataKey, keyId), worker: newWorker() };
}

describe('release by the chain alone', () => {
  it('denies while nothing is recorded, and says what to do', async () => {
    const { key, worker } = await wrapped();
    await expect(vault.unwrap(key, worker)).rejects.toMatchObject({
      code: 'KEY_DENIED',
      retryable: false,
      details: { chain: 'refused' },
      next: expect.stringContaining('Record the access'),
    });
  });

  it('releases the key that was wrapped, to calls at the same time too', async () => {
    const { dataKey, key, keyId, worker } = await wrapped();
    await net.record(keyId, worker.address);
    await net.finalize();
    const keys = await Promise.all([1, 2, 3].map(() => vault.unwrap(key, worker)));
    expect(keys).toEqual([dataKey, dataKey, dataKey]);
  });

  it('denies a record that is not final, and releases when it is', async () => {
    const { dataKey, key, keyId, worker } = await wrapped();
    await net.record(keyId, worker.address);
    const denied = { code: 'KEY_DENIED', retryable: true, details: { chain: 'not-final' } };
    await expect(vault.unwrap(key, worker)).rejects.toMatchObject(denied);
    await net.finalize();
    await expect(vault.unwrap(key, worker)).resolves.toEqual(dataKey);
  });

  it('denies a stranger', async () => {
    const { key, keyId, worker } = await wrapped();
    await net.record(keyId, worker.address);
    await net.finalize();
    await expect(vault.unwrap(key, newWorker())).rejects.toMatchObject({ code: 'KEY_DENIED', retryable: false });
  });

  it('denies at once what is revoked, though the finalized block still says yes', async () => {
    const { key, keyId, worker } = await wrapped();
    await net.record(keyId, worker.address);
    await net.finalize();
    await net.revoke(keyId);
    await expect(vault.unwrap(key, worker)).rejects.toMatchObject({ code: 'KEY_DENIED', retryable: false });
  });

  it('denies after the deadline', async () => {
    const { dataKey, key, keyId, worker } = await wrapped();
    await net.record(keyId, worker.address, (await net.now()) + 3_600n);
    await net.finalize();
    await expect(vault.unwrap(key, worker)).resolves.toEqual(dataKey);
    await net.passTime(3_600);
    await expect(vault.unwrap(key, worker)).rejects.toMatchObject({ code: 'KEY_DENIED', retryable: false });
  });

  it('denies when a reorganisation drops the record before it is final', async () => {
    const { key, keyId, worker } = await wrapped();
    await net.record(keyId, worker.address);
    await expect(vault.unwrap(key, worker)).rejects.toMatchObject({ details: { chain: 'not-final' } });
    await net.reorg(1);
    await net.finalize();
    await expect(vault.unwrap(key, worker)).rejects.toMatchObject({ details: { chain: 'refused' } });
  });

  it('denies even when a reorganisation drops what was final', async () => {
    const { dataKey, key, keyId, worker } = await wrapped();
    await net.record(keyId, worker.address);
    await net.finalize();
    await expect(vault.unwrap(key, worker)).resolves.toEqual(dataKey);
    await net.reorg(4);
    await expect(vault.unwrap(key, worker)).rejects.toMatchObject({ details: { chain: 'refused' } });
  });
});

describe('a thief', () => {
  it('gains nothing from a condition of its own: the ciphertext is for the other one', async () => {
    const { key, keyId, worker } = await wrapped();
    await net.record(keyId, worker.address);
    const thief = newWorker();
    const thiefsKeyId = newKeyId();
    await net.record(thiefsKeyId, thief.address);
    await net.finalize();
    const swapped = { ...key, condition: { ...key.condition, keyId: thiefsKeyId } };
    await expect(vault.unwrap(swapped, thief)).rejects.toMatchObject({ code: 'MALFORMED_DATA', retryable: false });
  });

  it('gets no share for a weaker condition, though the same contract says yes to it', async () => {
    const { keyId, key } = await wrapped();
    const weaker = { ...canonicalCondition({ ...key.condition, keyId }), functionName: 'alwaysTrue' };
    const answer = await askNode(0, { evmContractConditions: [weaker] }, key.dataToEncryptHash, keyId);
    expect(answer).toMatchObject({ status: 400, errorCode: 'NodeInvalidAccessControlConditions' });
  });

  it('cannot replay a session to the other nodes, nor a second time to the same', async () => {
    const { key, keyId, worker } = await wrapped();
    await net.record(keyId, worker.address);
    await net.finalize();
    const body = { evmContractConditions: [canonicalCondition({ ...key.condition, keyId })] };
    const authSig = await signFor(0, key.dataToEncryptHash, keyId, worker);
    const ask = (node: number) => askNode(node, { ...body, authSig }, key.dataToEncryptHash, keyId);
    expect(await ask(1)).toMatchObject({ errorCode: 'NodeInvalidAuthSig', message: /another node/ });
    expect(await ask(2)).toMatchObject({ errorCode: 'NodeInvalidAuthSig', message: /another node/ });
    expect(await ask(0)).toMatchObject({ result: 'success', shareIndex: 1 });
    expect(await ask(0)).toMatchObject({ errorCode: 'NodeInvalidAuthSig', message: /used before/ });
  });

  it('is told nothing by a body that is too large, or no JSON, or for a path that is not spoken', async () => {
    const post = (path: string, body: string) =>
      fetch(`http://127.0.0.1:${net.nodes[0]?.port}${path}`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      }).then(async (r) => ({ status: r.status, ...((await r.json()) as object) }));
    const sign = '/web/encryption/sign/';
    expect(await post(sign, `"${'x'.repeat(100_000)}"`)).toMatchObject({ status: 400, errorCode: 'NodeBadRequest' });
    expect(await post(sign, '{')).toMatchObject({ status: 400, errorCode: 'NodeBadRequest' });
    expect(await post('/web/execute', '{}')).toMatchObject({ status: 404, errorCode: 'NodeNotFound' });
  });
});

describe('the vault', () => {
  it('asks the key nodes and the chain and nobody else, also when its block hash is old', async () => {
    const { dataKey, key, keyId, worker } = await wrapped();
    await net.record(keyId, worker.address);
    await net.finalize();
    const fetched = vi.spyOn(globalThis, 'fetch');
    // The SDK takes a block hash for 30 s; then it would ask a public host, and five more if that fails.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 40_000 });
    try {
      await expect(vault.unwrap(key, worker)).resolves.toEqual(dataKey);
    } finally {
      vi.useRealTimers();
    }
    const hosts = fetched.mock.calls.map(([url]) => new URL(url instanceof Request ? url.url : url).hostname);
    fetched.mockRestore();
    expect(new Set(hosts)).toEqual(new Set(['127.0.0.1']));
  });

  it('wraps nothing for nodes that name another network key than the chain', async () => {
    const keyNodeStaking = await net.deployStakingWithKey(`0x${'aa'.repeat(48)}`);
    const contracts = { ...net.network.contracts, keyNodeStaking };
    const misled = createKeyVault({ network: { ...net.network, contracts } });
    const failure = { code: 'KEY_NODES_DOWN', message: expect.stringContaining('another network key') };
    await expect(misled.wrap(new Uint8Array(32), newKeyId())).rejects.toMatchObject(failure);
    await misled.close();
  });

  it('says so when the chain cannot be read', async () => {
    const lost = createKeyVault({ network: { ...net.network, rpcUrl: 'http://127.0.0.1:1' } });
    await expect(lost.wrap(new Uint8Array(32), newKeyId())).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' });
    await lost.close();
  });

  it('passes on that a wallet did not sign, and nothing else of it', async () => {
    const { key } = await wrapped();
    const broken = { address: newWorker().address, signMessage: () => Promise.reject(new Error('no hardware')) };
    await expect(vault.unwrap(key, broken)).rejects.toMatchObject({ code: 'BAD_SIGNATURE' });
  });
});

describe('a wrapped key', () => {
  it('of another deployment is refused before any node is asked', async () => {
    const { key, worker } = await wrapped();
    const elsewhere = { ...key, condition: { ...key.condition, chainId: 1 } };
    await expect(vault.unwrap(elsewhere, worker)).rejects.toMatchObject({ code: 'WRONG_CHAIN' });
  });

  it('that was changed is said to be changed', async () => {
    const { key, keyId, worker } = await wrapped();
    await net.record(keyId, worker.address);
    await net.finalize();
    const bytes = Buffer.from(key.ciphertext, 'base64');
    bytes[60] = (bytes[60] ?? 0) ^ 1;
    const changed = { ...key, ciphertext: bytes.toString('base64') };
    await expect(vault.unwrap(changed, worker)).rejects.toMatchObject({ code: 'MALFORMED_DATA' });
  });

  it('needs a data key of 32 bytes', async () => {
    await expect(vault.wrap(new Uint8Array(31), newKeyId())).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });
});

async function signFor(node: number, dataHash: string, keyId: Bytes32, wallet = newWorker()) {
  const { chainId, contracts } = net.network;
  const { resource } = releaseIdentity({ chainId, marketplace: contracts.marketplace, keyId }, dataHash);
  const nodeAddress = `http://127.0.0.1:${net.nodes[node]?.port}`;
  const nonce = await net.blockHash();
  return sessionSig({ wallet, resource, nodeAddress, nonce, chainId, nowMs: Date.now() });
}

async function askNode(node: number, body: object, dataToEncryptHash: string, keyId: Bytes32) {
  const chain = litChainName(net.network.chainId);
  const authSig = await signFor(node, dataToEncryptHash, keyId);
  const response = await fetch(`http://127.0.0.1:${net.nodes[node]?.port}/web/encryption/sign/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ dataToEncryptHash, chain, authSig, epoch: 1, ...body }),
  });
  return (await response.json()) as Record<string, unknown>;
}
