// Real: anvil, the contracts, the viem adapters. Faked: the log, which is a Merkle tree in memory with one signing key.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InclusionArgs } from '../../src/access/ports.js';
import type { Hex, WeighbridgeError } from '../../src/kernel/index.js';
import { createSellerChain } from '../../web3/chain/seller-chain.js';
import { newAccount, randomWord, startMarket, type Market } from '../support/market.js';
import { codeOf, stepsOf, type Steps } from '../support/market-steps.js';

let market: Market;
let steps: Steps;

beforeAll(async () => {
  market = await startMarket();
  steps = stepsOf(market);
});
afterAll(() => market.stop());

describe('refusals, by their code', () => {
  it('NO_BALANCE says how much is missing and to whom to send it', async () => {
    const offer = await market.offer({ price: 10n ** 24n });
    await steps.seller.listOffer(offer);
    const order = await market.order(offer);
    const error = await steps.buyer.open(order, offer).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'NO_BALANCE' });
    expect((error as WeighbridgeError).message).toContain('the price is 1000000 USDFC');
    expect((error as WeighbridgeError).next).toContain(market.parties.buyer.address);
  });

  it('OFFER_MISMATCH when the seller has listed another offer meanwhile', async () => {
    const offer = await market.offer();
    await steps.seller.listOffer(offer);
    const order = await market.order(offer);
    await steps.seller.listOffer({ ...offer, termsDigest: randomWord() });
    await expect(steps.buyer.open(order, offer)).rejects.toThrow(codeOf('OFFER_MISMATCH', 'OfferMismatch'));
  });

  it('OFFER_MISMATCH for an operator that the seller does not allow', async () => {
    const offer = await market.offer();
    await steps.seller.listOffer(offer);
    const order = await market.order(offer, { operator: newAccount().address });
    await expect(steps.buyer.open(order, offer)).rejects.toThrow(codeOf('OFFER_MISMATCH', 'OperatorNotAllowed'));
  });

  it('DATASET_REVOKED and the licence named, once the seller revoked', async () => {
    const { order } = await steps.openOrder();
    const { args } = await steps.grant(order);
    const first = await steps.seller.revokeLicence(order.keyId, order.licence);
    expect(await steps.seller.revokeLicence(order.keyId, order.licence)).toBe(first);
    await expect(steps.worker.anchorAndRecord(...args)).rejects.toMatchObject({
      code: 'DATASET_REVOKED',
      details: { reason: 'licence-revoked' },
    });
    await steps.seller.revoke(order.keyId);
    await expect(steps.worker.anchorAndRecord(...args)).rejects.toThrow(codeOf('DATASET_REVOKED', 'KeyRevoked'));
  });

  it('revocation takes the key from a worker that had it', async () => {
    const { order } = await steps.openOrder();
    const { account } = await steps.record(order);
    await steps.seller.revokeLicence(order.keyId, order.licence);
    expect(await steps.worker.canRelease(order.keyId, account.address)).toBe(false);
  });

  it('ESCROW_NOT_FOUND for an order that nobody paid', async () => {
    const { args } = await steps.grant(await market.order(await market.offer()));
    await expect(steps.worker.anchorAndRecord(...args)).rejects.toThrow(codeOf('ESCROW_NOT_FOUND'));
  });

  it('TRANSACTION_REVERTED names the custom error', async () => {
    const { order } = await steps.openOrder();
    const { args } = await steps.grant(order);
    const [checkpoint, , account, signature, inclusion] = args;
    const attempt = (changes: Partial<InclusionArgs>, by: Hex = signature) =>
      steps.worker.anchorAndRecord(checkpoint, order, account, by, { ...inclusion, ...changes });
    const reverted = (error: string) => codeOf('TRANSACTION_REVERTED', error);
    await expect(attempt({ index: inclusion.index - 1n })).rejects.toThrow(reverted('NotIncluded'));
    await expect(attempt({ size: inclusion.size + 1n })).rejects.toThrow(reverted('NotAnchored'));
    await expect(attempt({ entry: '0x00' })).rejects.toThrow(reverted('WrongEntry'));
    await expect(attempt({}, `${signature.slice(0, -2)}1d` as Hex)).rejects.toThrow(reverted('NotSignedBy'));
  });

  it('TRANSACTION_REVERTED for a checkpoint that was signed for another LogAnchor', async () => {
    const { order } = await steps.openOrder();
    const { args } = await steps.grant(order);
    const [, ...rest] = args;
    const elsewhere = { chainId: market.network.chainId, contract: market.network.contracts.usdfc };
    const replayed = await market.log.checkpoint((await steps.worker.anchored()).size, elsewhere);
    await expect(steps.worker.anchorAndRecord(replayed, ...rest)).rejects.toThrow(
      codeOf('TRANSACTION_REVERTED', 'BadSignature'),
    );
  });

  it('WRONG_CHAIN before anything is sent', async () => {
    const network = { ...market.network, chainId: 1 };
    const elsewhere = createSellerChain({ network, account: market.parties.seller });
    await expect(elsewhere.listOffer(await market.offer())).rejects.toThrow(codeOf('WRONG_CHAIN'));
  });

  it('CHAIN_UNAVAILABLE, retryable, when no node answers', async () => {
    const network = { ...market.network, rpcUrl: 'http://127.0.0.1:9' };
    const nowhere = createSellerChain({ network, account: market.parties.seller });
    await expect(nowhere.offerOf(randomWord())).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE', retryable: true });
  });

  it('CONFIG_INVALID when the address holds no contract', async () => {
    const contracts = { ...market.network.contracts, marketplace: newAccount().address };
    const lost = createSellerChain({ network: { ...market.network, contracts }, account: market.parties.seller });
    await expect(lost.offerOf(randomWord())).rejects.toThrow(codeOf('CONFIG_INVALID'));
  });
});
