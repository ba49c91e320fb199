// Real: anvil, KeyNodeStaking, three key node processes that are killed, stopped and corrupted, the unmodified
// lit-node-client. Faked: ReleaseBoard stands in for Marketplace.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { WrappedKey } from '../../src/catalog/manifest.js';
import { publicKeyOf } from '../../web3/keynode/bls.js';
import { readShare, writeShare } from '../../web3/keynode/share-store.js';
import { createKeyVault } from '../../web3/lit/key-vault.js';
import type * as WrapFile from '../../web3/lit/wrap-in-thread.js';
import { startKeyNet, type KeyNet } from '../support/key-net.js';
import { slowProxy } from '../support/slow-proxy.js';

let net: KeyNet;
let key: WrappedKey;
const dataKey = new Uint8Array(randomBytes(32));
const worker = privateKeyToAccount(generatePrivateKey());
const vaults: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  net = await startKeyNet();
  const keyId = `0x${randomBytes(32).toString('hex')}` as const;
  key = await (await newWrapper()).wrap(dataKey, keyId);
  await net.record(keyId, worker.address);
  await net.finalize();
});
afterEach(async () => {
  await Promise.all(vaults.splice(0).map((vault) => vault.close()));
  await net?.allUp();
});
afterAll(() => net?.stop());

function newVault() {
  const vault = createKeyVault({ network: net.network });
  vaults.push(vault);
  return vault;
}

/** Where sellers wrap; from the build, because a thread runs compiled code. */
async function newWrapper() {
  const file = pathToFileURL(path.join(net.distDir, 'web3/lit/wrap-in-thread.js')).href;
  const { wrapInThread } = (await import(file)) as typeof WrapFile;
  const wrapper = wrapInThread(net.network);
  vaults.push(wrapper);
  return wrapper;
}

describe('threshold two of three', { timeout: 180_000 }, () => {
  it.each([0, 1, 2])('node %i down while connected: the others release', async (down) => {
    const vault = newVault();
    await vault.unwrap(key, worker);
    await net.node(down).kill();
    await expect(vault.unwrap(key, worker)).resolves.toEqual(dataKey);
  });

  it('one node down at a fresh connect: the others vote it out, and release', async () => {
    await net.node(0).kill();
    await expect(newVault().unwrap(key, worker)).resolves.toEqual(dataKey);
    expect(await net.activeNodes()).toBe(2);
  });

  it('one node that hangs at a fresh connect: the same', async () => {
    net.signal(1, 'SIGSTOP');
    await expect(newVault().unwrap(key, worker)).resolves.toEqual(dataKey);
    net.signal(1, 'SIGCONT');
  });

  it('a node that comes back joins again, and serves', async () => {
    const vault = newVault();
    await net.node(2).kill();
    await vault.unwrap(key, worker);
    await net.allUp();
    await net.node(1).kill();
    await expect(vault.unwrap(key, worker)).resolves.toEqual(dataKey);
  });

  it('two nodes down: said clearly, and over when they are back', async () => {
    const [connected, fresh] = [newVault(), newVault()];
    await connected.unwrap(key, worker);
    await net.node(0).kill();
    await net.node(1).kill();
    const down = { code: 'KEY_NODES_DOWN', retryable: true, next: expect.stringContaining('Ask again') };
    await expect(connected.unwrap(key, worker)).rejects.toMatchObject(down);
    await expect(fresh.unwrap(key, worker)).rejects.toMatchObject(down);
    await expect((await newWrapper()).wrap(dataKey, key.condition.keyId)).rejects.toMatchObject(down);
    await net.allUp();
    await expect(connected.unwrap(key, worker)).resolves.toEqual(dataKey);
    await expect(fresh.unwrap(key, worker)).resolves.toEqual(dataKey);
  });

  it('a node with a bad share that always comes first costs a second round, never the key', async () => {
    const restoreShare = await corruptShare(2);
    const slow = await slowProxy(net.network.rpcUrl, 500);
    const networkFile = path.join(net.layout.dir, 'slow-network.json');
    writeFileSync(networkFile, JSON.stringify({ ...net.network, rpcUrl: slow.url }));
    await net.node(2).kill();
    const late = spawnNode({ ...net.nodeEnv(3), WEIGHBRIDGE_NETWORK: networkFile });
    try {
      while (!(await net.isUp(2))) await delay(100);
      await net.allUp();
      const vault = newVault();
      for (let i = 0; i < 3; i++) await expect(vault.unwrap(key, worker)).resolves.toEqual(dataKey);
    } finally {
      late.kill('SIGKILL');
      slow.stop();
      await restoreShare();
    }
  });
});

describe('a share at rest', () => {
  it('is in no file in the clear, is for its owner only, and is in no log', async () => {
    for (const n of [1, 2, 3] as const) {
      const { KEYNODE_SHARE_FILE: file = '', KEYNODE_PASSPHRASE_FILE: passphraseFile = '' } = net.nodeEnv(n);
      const passphrase = readFileSync(passphraseFile, 'utf8').trim();
      const share = Buffer.from((await readShare(file, passphrase)).share);
      const log = readFileSync(path.join(net.layout.logs, `key-node-${n}.log`));
      for (const bytes of [readFileSync(file), log]) {
        const forms = [
          share,
          share.toString('hex'),
          share.toString('base64'),
          BigInt(`0x${share.toString('hex')}`).toString(),
        ];
        expect(forms.filter((form) => bytes.includes(form))).toEqual([]);
        expect(bytes.includes(passphrase)).toBe(false);
      }
      expect(log.includes('share released')).toBe(true);
      expect(statSync(file).mode & 0o777).toBe(0o600);
    }
  });

  it('does not open with a wrong passphrase: the node refuses to start and says which variable', async () => {
    const passphraseFile = path.join(net.layout.dir, 'wrong-passphrase');
    writeFileSync(passphraseFile, 'not the one it was dealt under');
    const { code, output } = await runNode({ ...net.nodeEnv(1), KEYNODE_PASSPHRASE_FILE: passphraseFile });
    expect(code).toBe(1);
    expect(output).toContain('KEYNODE_PASSPHRASE_FILE');
    expect(output).not.toContain('not the one');
  });

  it.each([
    ['KEYNODE_PORT', 'many'],
    ['KEYNODE_SHARE_FILE', undefined],
    ['KEYNODE_KEY_FILE', '/dev/null'],
    ['WEIGHBRIDGE_NETWORK', '/nowhere'],
  ])('a node with a bad %s dies at start and names it', async (name, value) => {
    const { code, output } = await runNode({ ...net.nodeEnv(1), [name]: value });
    expect(code).toBe(1);
    expect(output).toContain(name);
  });

  it("a node with another node's chain key does not take its place", async () => {
    const stranger = path.join(net.layout.dir, 'stranger-key');
    writeFileSync(stranger, generatePrivateKey());
    const { code, output } = await runNode({ ...net.nodeEnv(1), KEYNODE_KEY_FILE: stranger });
    expect(code).toBe(1);
    expect(output).toContain('KEYNODE_KEY_FILE');
  });
});

function spawnNode(env: NodeJS.ProcessEnv) {
  return spawn(process.execPath, [path.join(net.distDir, 'programs/key-node.js')], { env, timeout: 120_000 });
}

async function runNode(env: NodeJS.ProcessEnv): Promise<{ code: number; output: string }> {
  const child = spawnNode(env);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, output };
}

/** Gives a node a share that is not of this network, under the right label. Returns what undoes it. */
async function corruptShare(n: 1 | 2 | 3): Promise<() => Promise<void>> {
  const { KEYNODE_SHARE_FILE: file = '', KEYNODE_PASSPHRASE_FILE: passphraseFile = '' } = net.nodeEnv(n);
  const passphrase = readFileSync(passphraseFile, 'utf8').trim();
  const { facts } = await readShare(file, passphrase);
  const bad = new Uint8Array(32).fill(9);
  await net.node(n - 1).kill();
  renameSync(file, `${file}.good`);
  await writeShare(file, { ...facts, sharePublicKey: publicKeyOf(bad) }, bad, passphrase);
  return async () => {
    await net.node(n - 1).kill();
    renameSync(`${file}.good`, file);
  };
}
