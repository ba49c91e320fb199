import { randomBytes } from 'node:crypto';
import {
  amountOf,
  formatWei,
  jsonDigest,
  offerToJson,
  orderIdOf,
  orderToJson,
  sha256Hex,
  to0x,
  WeighbridgeError,
  type Address,
  type Deployed,
  type Network,
  type Offer,
  type Order,
} from '../../kernel/index.js';
import { epsilonMicrosOfRun } from '../../training/model-declaration.js';
import type { CheckedDataset } from '../browse/check-dataset.js';
import { plain } from '../ui/text.js';
import { newIdentity, saveIdentity } from './identity.js';
import { writeJob, type JobJournal } from './job-journal.js';
import { obtainLicence } from './licence.js';
import type { Model } from './model.js';
import type { TrainDeps } from './deps.js';

/**
 * Everything that a job needs before it is paid: balance looked at, licence issued, model stored, order made with a fresh
 * salt, and the key for its weights on this disk. Nothing of it costs anything.
 * @throws WeighbridgeError NO_BALANCE, OFFER_MISMATCH, what licence and upload answer
 */
export async function prepareJob(
  checked: CheckedDataset,
  model: Model,
  purpose: string,
  request: string,
  deadlineMinutes: number,
  deps: TrainDeps,
): Promise<JobJournal> {
  const { network, account, state, api, chain, ui } = deps;
  const market: Deployed = { chainId: network.chainId, contract: network.contracts.marketplace };
  const operator = operatorOf(checked.offer, network);
  const epsilonMicros = epsilonMicrosOfRun(model.declaration);
  await assertBalance(amountOf(checked.offer, epsilonMicros), deps);
  const deadline = BigInt((await chain.now()) + deadlineMinutes * 60);
  ui.note(`accepting the terms of "${plain(checked.dataset.title)}" for "${plain(purpose)}"`);
  const pseudonym = await deps.pseudonym(checked.dataset.id);
  const licensing = { market, account, pseudonym, state, api, chain, now: deps.now };
  const held = await obtainLicence(checked, purpose, deadline, licensing);
  ui.note('sending the model');
  await api.putBlob(model.declaration.graph, model.graph);
  await api.putBlob(model.declaration.weights, model.weights);
  for (const tokenizer of model.tokenizers) await api.putBlob(sha256Hex(tokenizer), tokenizer);
  const order: Order = {
    keyId: checked.dataset.id,
    offer: checked.offerDigest,
    buyer: account.address,
    operator,
    licence: held.licenceId,
    jobDigest: `0x${jsonDigest(model.declaration)}`,
    epsilonMicros,
    deadline,
    salt: to0x(randomBytes(32)),
  };
  const orderId = orderIdOf(market, order);
  const identity = await newIdentity();
  await saveIdentity(state.job(orderId), identity);
  const journal: JobJournal = {
    version: 1,
    request,
    chainId: market.chainId,
    marketplace: market.contract,
    orderId,
    order: orderToJson(order),
    offer: offerToJson(checked.offer),
    declaration: model.declaration,
    recipient: identity.recipient,
    title: checked.dataset.title,
    createdAt: deps.now().toISOString(),
    submitted: false,
  };
  await writeJob(state, journal);
  return journal;
}

/** The contract would refuse as well; here nothing has been signed or sent yet. */
async function assertBalance(price: bigint, { chain, account }: TrainDeps): Promise<void> {
  const balance = await chain.usdfcBalance();
  if (balance >= price) return;
  throw new WeighbridgeError('NO_BALANCE', `a run costs ${formatWei(price)} USDFC, you have ${formatWei(balance)}`, {
    next: `Send ${formatWei(price - balance)} USDFC or more to ${account.address}, then run the same command again.`,
    details: { account: account.address, balanceWei: balance.toString(), priceWei: price.toString() },
  });
}

function operatorOf({ operators }: Offer, network: Network): Address {
  const operator = operators.find((allowed) => allowed.toLowerCase() === network.operator.toLowerCase());
  if (operator !== undefined) return operator;
  throw new WeighbridgeError(
    'OFFER_MISMATCH',
    "the seller does not allow this network's operator to train on this dataset",
    {
      next: 'Choose another dataset, or use the network of an operator that "weighbridge show" lists.',
    },
  );
}
