// Real: anvil, the contracts. Faked: nothing.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createTestClient, createWalletClient, http, publicActions } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterEach, describe, expect, it } from 'vitest';
import { usdfcTokenAbi } from '../../web3/chain/abi/usdfc-token.js';
import { DEVNET_CHAIN_ID, startAnvil, type Anvil } from '../../web3/devnet/anvil.js';
import { deployContracts, fund } from '../../web3/devnet/deploy.js';
import { freePort } from '../../web3/devnet/service.js';

const deployer = privateKeyToAccount(generatePrivateKey());
const holder = privateKeyToAccount(generatePrivateKey()).address;
const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function folder(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-anvil-'));
  cleanUps.push(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function start(dir: string, port: number, blockTimeSeconds = 0): Promise<Anvil> {
  const anvil = await startAnvil({ dir, port, blockTimeSeconds });
  cleanUps.push(() => anvil.stop());
  return anvil;
}

async function deployAndFund(rpcUrl: string, usdfcWei: bigint) {
  const contracts = await deployContracts({
    rpcUrl,
    deployer,
    anchorSigners: [deployer.address],
    quorum: 1,
    logOrigin: 'log.example/test',
    treasury: deployer.address,
    protocolFeeBps: 250,
  });
  await fund({ rpcUrl, deployer, usdfc: contracts.usdfc, accounts: [holder], usdfcWei });
  return contracts;
}

const clientOf = (rpcUrl: string) => createTestClient({ mode: 'anvil', transport: http(rpcUrl) }).extend(publicActions);

const balanceOf = (rpcUrl: string, usdfc: `0x${string}`) =>
  clientOf(rpcUrl).readContract({ address: usdfc, abi: usdfcTokenAbi, functionName: 'balanceOf', args: [holder] });

describe('the devnet chain', () => {
  it('has the chain id of Filecoin devnets, no account of its own, and a finalized block two behind', async () => {
    const { rpcUrl } = await start(await folder(), await freePort());
    const client = clientOf(rpcUrl);
    expect(await client.getChainId()).toBe(DEVNET_CHAIN_ID);
    expect(await createWalletClient({ transport: http(rpcUrl) }).getAddresses()).toEqual([]);
    await client.mine({ blocks: 5 });
    expect((await client.getBlock({ blockTag: 'finalized' })).number).toBe(3n);
  });

  it('funds to the same sum however often it is asked', async () => {
    const { rpcUrl } = await start(await folder(), await freePort());
    const { usdfc } = await deployAndFund(rpcUrl, 7n);
    await fund({ rpcUrl, deployer, usdfc, accounts: [holder], usdfcWei: 7n });
    expect(await balanceOf(rpcUrl, usdfc)).toBe(7n);
    await fund({ rpcUrl, deployer, usdfc, accounts: [holder], usdfcWei: 9n });
    expect(await balanceOf(rpcUrl, usdfc)).toBe(9n);
  });

  it('goes on from its state after a stop', async () => {
    const [dir, port] = [await folder(), await freePort()];
    const first = await start(dir, port);
    const { usdfc } = await deployAndFund(first.rpcUrl, 7n);
    await first.stop();
    const second = await start(dir, port);
    expect(await balanceOf(second.rpcUrl, usdfc)).toBe(7n);
  });

  it('goes on from what was saved after it is killed, and saves by itself', async () => {
    const [dir, port] = [await folder(), await freePort()];
    const first = await start(dir, port);
    const { usdfc } = await deployAndFund(first.rpcUrl, 7n);
    const client = clientOf(first.rpcUrl);
    const root = (await client.getBlock()).stateRoot;
    await expect.poll(() => readFile(path.join(dir, 'state.json'), 'utf8'), { timeout: 30_000 }).toContain(root);
    first.kill('SIGKILL');
    await first.exited;
    const second = await start(dir, port);
    expect(await balanceOf(second.rpcUrl, usdfc)).toBe(7n);
    const again = clientOf(second.rpcUrl);
    await again.mine({ blocks: 3 });
    expect((await again.getBlock({ blockTag: 'finalized' })).stateRoot).toBe((await again.getBlock()).stateRoot);
  });

  it('takes over from a chain that a killed devnet left running', async () => {
    const [dir, port] = [await folder(), await freePort()];
    const orphan = await start(dir, port);
    const { usdfc } = await deployAndFund(orphan.rpcUrl, 7n);
    const heir = await start(dir, port);
    expect(await orphan.exited).toBe('SIGKILL');
    expect(await balanceOf(heir.rpcUrl, usdfc)).toBe(7n);
  });

  it('refuses a port where something else answers', async () => {
    const port = await freePort();
    await start(await folder(), port);
    await expect(startAnvil({ dir: await folder(), port })).rejects.toThrow(/taken/);
  });
});
