// Real: anvil, the contracts, the viem adapters. Faked: the log, which is a Merkle tree in memory with one signing key.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asciiBytes32, offerDigest, orderIdOf, splitOf } from '../../src/kernel/index.js';
import { marketplaceAbi } from '../../web3/chain/abi/marketplace.js';
import { createBuyerChain } from '../../web3/chain/buyer-chain.js';
import { createMarketplaceChain } from '../../web3/chain/marketplace-chain.js';
import { newAccount, randomWord, startMarket, type Market } from '../support/market.js';
import { codeOf, stepsOf, type Steps } from '../support/market-steps.js';

let market: Market;
let steps: Steps;

beforeAll(async () => {
  market = await startMarket();
  steps = stepsOf(market);
});
afterAll(() => market.stop());

describe('the way of an order', () => {
  it('from payment to payout: the key is released in between, and everybody gets its share', async () => {
    const { offer, order, orderId } = await steps.openOrder();
    expect(await steps.worker.order(orderId)).toMatchObject({
      state: 'open',
      buyer: market.parties.buyer.address,
      keyId: order.keyId,
      amountWei: offer.price,
      deadline: Number(order.deadline),
    });
    const { account } = await steps.record(order);
    expect(await steps.worker.canRelease(order.keyId, account.address)).toBe(true);
    expect(await steps.worker.canRelease(randomWord(), account.address)).toBe(false);
    expect(await steps.worker.canRelease(order.keyId, newAccount().address)).toBe(false);

    const { digest, completion } = await market.signed.completion(order, account);
    const index = market.log.append('training-completed', digest);
    const { network, parties } = market;
    const shares = splitOf(offer, order, network.treasury, network.protocolFeeBps);
    const owedBefore = await Promise.all(shares.map((share) => steps.buyer.owedTo(share.to)));
    await steps.worker.anchorAndSettle(
      await steps.newCheckpoint(),
      order,
      shares,
      completion,
      market.log.inclusion(index),
    );
    expect((await steps.worker.order(orderId)).state).toBe('settled');
    expect(await steps.worker.canRelease(order.keyId, account.address)).toBe(false);
    for (const [i, share] of shares.entries()) {
      expect((await steps.buyer.owedTo(share.to)) - (owedBefore[i] ?? 0n)).toBe(share.amount);
    }

    const treasury = createBuyerChain({ network, account: parties.treasury });
    const dueWei = await treasury.owed();
    const balanceWei = await treasury.usdfcBalance();
    await treasury.withdraw();
    expect(await treasury.usdfcBalance()).toBe(balanceWei + dueWei);
    await expect(treasury.withdraw()).rejects.toThrow(codeOf('NO_BALANCE'));
  });

  it('back to the buyer on a logged refusal', async () => {
    const { offer, order, orderId } = await steps.openOrder();
    const { digest, refusal } = await market.signed.refusal(order, asciiBytes32('gate-refused'));
    const index = market.log.append('training-refused', digest);
    const owedBefore = await steps.buyer.owed();
    const args = [await steps.newCheckpoint(), order, refusal, market.log.inclusion(index)] as const;
    const transaction = await steps.worker.anchorAndRefund(...args);
    expect((await steps.worker.order(orderId)).state).toBe('refunded');
    expect((await steps.buyer.owed()) - owedBefore).toBe(offer.price);
    expect(await steps.worker.anchorAndRefund(...args)).toBe(transaction);
  });

  it('back to the buyer when the deadline is over, and not before', async () => {
    const { order, orderId } = await steps.openOrder();
    const { account } = await steps.record(order);
    await expect(steps.buyer.refundExpired(order)).rejects.toThrow(codeOf('JOB_STATE'));
    const snapshot = await market.client.snapshot();
    await market.client.setNextBlockTimestamp({ timestamp: order.deadline + 1n });
    await market.client.mine({ blocks: 1 });
    expect(await steps.worker.canRelease(order.keyId, account.address)).toBe(false);
    const transaction = await steps.buyer.refundExpired(order);
    expect(await steps.worker.refundExpired(order)).toBe(transaction);
    expect((await steps.worker.order(orderId)).state).toBe('refunded');
    await market.client.revert({ id: snapshot });
  });

  it('lets free data go the same way, without a token', async () => {
    const offer = await market.offer({ price: 0n, nodeFee: 0n, payees: [] });
    await steps.seller.listOffer(offer);
    const poor = newAccount();
    await market.client.setBalance({ address: poor.address, value: 10n ** 18n });
    const order = await market.order(offer, { buyer: poor.address });
    await createBuyerChain({ network: market.network, account: poor }).open(order, offer);
    const { account } = await steps.record(order);
    const { digest, completion } = await market.signed.completion(order, account);
    const index = market.log.append('training-completed', digest);
    await steps.worker.anchorAndSettle(await steps.newCheckpoint(), order, [], completion, market.log.inclusion(index));
    expect((await steps.worker.order(orderIdOf(market.market, order))).state).toBe('settled');
  });
});

describe('a repeat', () => {
  it('of every write answers with the first transaction', async () => {
    const { offer, order, transaction } = await steps.openOrder();
    expect(await steps.buyer.open(order, offer)).toBe(transaction);
    const listed = await steps.seller.listOffer(offer);
    expect(await steps.seller.listOffer(offer)).toBe(listed);
    const first = await steps.record(order);
    // Another process: nothing is remembered but the chain.
    const restarted = createMarketplaceChain({ network: market.network, account: market.parties.operator });
    expect(await restarted.anchorAndRecord(...first.args)).toBe(first.transaction);
    const { digest, completion } = await market.signed.completion(order, first.account);
    const index = market.log.append('training-completed', digest);
    const shares = splitOf(offer, order, market.network.treasury, market.network.protocolFeeBps);
    const args = [await steps.newCheckpoint(), order, shares, completion, market.log.inclusion(index)] as const;
    const settled = await steps.worker.anchorAndSettle(...args);
    expect(await restarted.anchorAndSettle(...args)).toBe(settled);
    expect(await restarted.anchorAndRecord(...first.args)).toBe(first.transaction);
    expect(await steps.buyer.open(order, offer)).toBe(transaction);
  });

  it('of other orders at the same time pays for each of them', async () => {
    const offer = await market.offer();
    await steps.seller.listOffer(offer);
    const orders = await Promise.all([1, 2, 3].map(async () => market.order(offer)));
    const { network, parties } = market;
    const opened = await Promise.all(
      orders.map(async (order) => createBuyerChain({ network, account: parties.buyer }).open(order, offer)),
    );
    expect(new Set(opened).size).toBe(3);
    const states = await Promise.all(orders.map(async (one) => steps.worker.order(orderIdOf(market.market, one))));
    expect(states.map(({ state }) => state)).toEqual(['open', 'open', 'open']);
  });

  it('at the same time ends in one transaction, whoever sends it', async () => {
    const { order } = await steps.openOrder();
    const { args } = await steps.grant(order);
    const other = createMarketplaceChain({ network: market.network, account: market.parties.seller });
    await market.client.setAutomine(false);
    const both = Promise.all([steps.worker.anchorAndRecord(...args), other.anchorAndRecord(...args)]);
    await expect.poll(async () => (await market.client.getTxpoolStatus()).pending).toBe(2);
    await market.client.mine({ blocks: 1 });
    await market.client.setAutomine(true);
    const [one, two] = await both;
    expect(one).toBe(two);
  });

  it('of many writes by one account at once gets each its own nonce', async () => {
    const offers = await Promise.all(Array.from({ length: 5 }, () => market.offer()));
    const hashes = await Promise.all(offers.map((offer) => steps.seller.listOffer(offer)));
    expect(new Set(hashes).size).toBe(5);
  });
});

describe('digests', () => {
  it('of offers and orders are the same in the contract and in TypeScript', async () => {
    const offer = await market.offer();
    await steps.seller.listOffer(offer);
    const order = await market.order(offer);
    expect(await steps.worker.offerOf(order.keyId)).toBe(offerDigest(market.market, offer));
    await steps.buyer.open(order, offer);
    // Assign, Access, Completion and Refusal are compared by every other test here: a wrong hash is a refused call.
    expect((await steps.worker.order(orderIdOf(market.market, order))).state).toBe('open');
  });
});

describe('a reorganisation', () => {
  it('takes back what latest showed; finalized never showed it', async () => {
    const { order } = await steps.openOrder();
    await market.client.mine({ blocks: 4 });
    const { account } = await steps.record(order);
    const canRelease = (blockTag: 'latest' | 'finalized') =>
      market.client.readContract({
        address: market.network.contracts.marketplace,
        abi: marketplaceAbi,
        functionName: 'canRelease',
        args: [order.keyId, account.address],
        blockTag,
      });
    expect(await canRelease('latest')).toBe(true);
    expect(await canRelease('finalized')).toBe(false);
    await market.reorg(1);
    expect(await canRelease('latest')).toBe(false);
    const again = await steps.record(order);
    await market.client.mine({ blocks: 3 });
    expect(
      await market.client.readContract({
        address: market.network.contracts.marketplace,
        abi: marketplaceAbi,
        functionName: 'canRelease',
        args: [order.keyId, again.account.address],
        blockTag: 'finalized',
      }),
    ).toBe(true);
  });
});
