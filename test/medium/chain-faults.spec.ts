// Real: anvil, the contracts, the viem adapters. Faked: the log, which is a Merkle tree in memory with one signing key,
// and the wire, on which a proxy loses requests or answers; for the reorganisation, the key nodes, which ask the chain here as
// the real ones do (test/medium/key-nodes.spec.ts), and the job's row.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { WrappedKey } from '../../src/catalog/manifest.js';
import { WeighbridgeError, type Hex } from '../../src/kernel/index.js';
import type { Job, JobPatch } from '../../src/training/job.js';
import type { RunJobDeps } from '../../src/training/run-job/deps.js';
import { recordAccess } from '../../src/training/run-job/record-access.js';
import { releaseKey } from '../../src/training/run-job/release-key.js';
import { workerAccount } from '../../src/training/run-job/worker-account.js';
import { createBuyerChain } from '../../web3/chain/buyer-chain.js';
import { createMarketplaceChain } from '../../web3/chain/marketplace-chain.js';
import { startMarket, type Market } from '../support/market.js';
import { stepsOf, type Steps } from '../support/market-steps.js';
import { startRpcProxy, type Fault } from '../support/rpc-proxy.js';

let market: Market;
let steps: Steps;
let proxy: Awaited<ReturnType<typeof startRpcProxy>>;
/** Faults by method, used up one by one. */
let faults: Partial<Record<string, Fault[]>> = {};

beforeAll(async () => {
  market = await startMarket();
  steps = stepsOf(market);
  proxy = await startRpcProxy(market.network.rpcUrl, (method) => faults[method]?.shift() ?? 'none');
});
afterEach(() => (faults = {}));
afterAll(async () => {
  await proxy.stop();
  await market.stop();
});

const faulty = () => ({ ...market.network, rpcUrl: proxy.rpcUrl });
const workerBehindProxy = () => createMarketplaceChain({ network: faulty(), account: market.parties.operator });

async function sentBy(address: `0x${string}`): Promise<number> {
  return market.client.getTransactionCount({ address });
}

describe('a transaction', () => {
  it.each<[string, Fault[]]>([
    ['whose request is lost', ['request-lost']],
    ['whose answer is lost', ['answer-lost']],
    ['whose answer is lost every time', ['answer-lost', 'answer-lost', 'answer-lost', 'answer-lost']],
  ])('%s is sent once', async (_name, sending) => {
    const { order } = await steps.openOrder();
    const { args } = await steps.grant(order);
    const before = await sentBy(market.parties.operator.address);
    faults = { eth_sendRawTransaction: sending };
    const transaction = await workerBehindProxy().anchorAndRecord(...args);
    expect((await market.client.getTransactionReceipt({ hash: transaction })).status).toBe('success');
    expect(await sentBy(market.parties.operator.address)).toBe(before + 1);
  });

  it('that pays out is not reported as failed when its answer is lost', async () => {
    const { order } = await steps.openOrder();
    const { digest, refusal } = await market.signed.refusal(order, `0x${'00'.repeat(32)}`);
    const index = market.log.append('training-refused', digest);
    await steps.worker.anchorAndRefund(await steps.newCheckpoint(), order, refusal, market.log.inclusion(index));
    faults = { eth_sendRawTransaction: ['answer-lost', 'answer-lost', 'answer-lost', 'answer-lost'] };
    const buyer = createBuyerChain({ network: faulty(), account: market.parties.buyer });
    const transaction = await buyer.withdraw();
    expect((await market.client.getTransactionReceipt({ hash: transaction })).status).toBe('success');
    expect(await buyer.owed()).toBe(0n);
  });

  it('whose receipt cannot be read is found by the repeat', async () => {
    const { order } = await steps.openOrder();
    const { args } = await steps.grant(order);
    const before = await sentBy(market.parties.operator.address);
    // As if the process had died right after sending: nothing after it comes through.
    const lost = Array.from({ length: 200 }, (): Fault => 'request-lost');
    faults = { eth_getTransactionReceipt: lost };
    const worker = workerBehindProxy();
    await expect(worker.anchorAndRecord(...args)).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE', retryable: true });
    faults = {};
    const transaction = await worker.anchorAndRecord(...args);
    expect((await market.client.getTransactionReceipt({ hash: transaction })).status).toBe('success');
    expect(await sentBy(market.parties.operator.address)).toBe(before + 1);
  });
});

describe('a reorganisation of three blocks', () => {
  it('that takes an access record back makes the worker record it again, and then it gets the key', async () => {
    const { order, orderId } = await steps.openOrder();
    await market.client.mine({ blocks: 3 });
    const workerSeed = new Uint8Array(32).fill(7);
    const worker = workerAccount(workerSeed, orderId);
    const accessIndex = market.log.append('access-granted', (await market.signed.access(order, worker)).digest);
    const patches: JobPatch[] = [];
    const deps = {
      network: market.network,
      chain: steps.worker,
      log: market.log.client(),
      operator: market.parties.operator,
      workerSeed,
      signal: new AbortController().signal,
      logger: { info: () => undefined, warn: () => undefined },
      jobs: {
        transition: async (_id: string, _from: string, _to: string, patch: JobPatch) => void patches.push(patch),
        patch: async (_id: string, _state: string, patch: JobPatch) => void patches.push(patch),
      },
      vault: {
        unwrap: async () => {
          if (await steps.worker.canRelease(order.keyId, worker.address)) return new Uint8Array(32);
          throw new WeighbridgeError('KEY_DENIED', 'the chain says no', { next: 'Record the access.' });
        },
      },
    } as unknown as RunJobDeps;
    const job = {
      id: orderId,
      keyId: order.keyId,
      licenceId: order.licence,
      order,
      worker: worker.address,
      accessIndex,
    } as Job;
    await recordAccess(deps, { ...job, deadline: new Date(Date.now() + 60_000) });
    expect(await steps.worker.canRelease(order.keyId, worker.address)).toBe(true);
    await market.client.mine({ blocks: 2 });

    await market.reorg(3);
    expect(await steps.worker.canRelease(order.keyId, worker.address)).toBe(false);
    expect((await steps.worker.order(orderId)).state).toBe('open');
    const running = { ...job, deadline: new Date(Number(order.deadline) * 1000) };
    expect(await releaseKey(deps, running, {} as WrappedKey, new AbortController().signal)).toHaveLength(32);
    const [first, second] = patches.map(({ recordTransaction }) => recordTransaction);
    expect(second).toMatch(/^0x/);
    expect(first).toMatch(/^0x/);
    const receipt = await market.client.getTransactionReceipt({ hash: second as Hex });
    expect(receipt.status).toBe('success');
  });
});
