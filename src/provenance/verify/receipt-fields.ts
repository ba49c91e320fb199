import { getAddress } from 'viem';
import {
  canonicalJson,
  epsilonMicrosOf,
  jsonDigest,
  licenceDigest,
  licenceFromJson,
  offerDigest,
  offerFromJson,
  orderFromJson,
  orderIdOf,
  sha256Hex,
  shareToJson,
  splitOf,
  type Deployed,
} from '../../kernel/index.js';
import { completionOf, positionOfRecord } from '../commitment.js';
import { dependenciesOf } from '../run-record-builders.js';
import type { RunPrivacy, TrainerIdentity } from '../statements.js';
import { CheckFailed, requireSame } from './checks.js';
import type { ReceiptRecords } from './receipt-records.js';
import { RECEIPT_RECORDS, type Receipt, type ReceiptRecord } from './receipt-schema.js';
import type { Trust } from './trust.js';

/** Compares what the receipt says with what the records say, part by part; each answers what a person reads. */
const same = (what: string, found: unknown, expected: unknown): void =>
  requireSame(what, canonicalJson(found), canonicalJson(expected));

export function checkDataset({ dataset }: Receipt, records: ReceiptRecords): string {
  const { predicate } = records['dataset-listed'].entry;
  same('dataset.keyId', dataset.keyId, predicate.keyId);
  same('dataset.offer', dataset.offer, predicate.offer);
  same('dataset.pieces', dataset.pieces, predicate.pieces);
  same('dataset.manifestDigest', dataset.manifestDigest, predicate.offer.manifestDigest);
  same('dataset.termsDigest', dataset.termsDigest, predicate.offer.termsDigest);
  return `${dataset.pieces.length} pieces, version ${dataset.offer.version}, sold by ${dataset.offer.seller}`;
}

export function checkLicence({ licence, dataset }: Receipt, records: ReceiptRecords): string {
  const { predicate } = records['licence-issued'].entry;
  same('licence.licenceId', licence.licenceId, predicate.licenceId);
  same('licence.licence', licence.licence, predicate.licence);
  same('licence.keyId', predicate.licence.keyId, dataset.keyId);
  same('licence.termsDigest', predicate.licence.termsDigest, dataset.termsDigest);
  const grantedAt = Date.parse(records['access-granted'].entry.predicate.grantedAt) / 1000;
  if (grantedAt > Number(predicate.licence.validUntil)) {
    throw new CheckFailed('LICENCE_EXPIRED', 'access was granted after the licence had ended');
  }
  return `the terms of this version, accepted by ${licence.licence.buyer}`;
}

export function checkOrder({ order, dataset, licence }: Receipt, records: ReceiptRecords, trust: Trust): string {
  const access = records['access-granted'].entry.predicate;
  same('order.orderId', order.orderId, access.orderId);
  // No record has it, so it has one spelling; that it is this account is in the order id, and among the consents.
  same('order.buyer', order.order.buyer, getAddress(order.order.buyer.toLowerCase()));
  same('order.keyId', order.order.keyId, dataset.keyId);
  same('order.licence', order.order.licence, licence.licenceId);
  same('order.jobDigest', order.order.jobDigest, access.jobDigest);
  // The log has the buyer's pseudonym; that it is this buyer's is among the consents.
  same('access.buyer', access.buyer, licence.licence.buyer);
  same('order.operator', order.order.operator, access.operator);
  const allowed = (list: readonly string[]): boolean =>
    list.some((operator) => operator.toLowerCase() === access.operator.toLowerCase());
  if (!allowed(dataset.offer.operators) || !(trust.operators === undefined || allowed(trust.operators))) {
    throw new CheckFailed('NOT_ALLOWED', `operator ${access.operator} was not allowed to train on this dataset`);
  }
  return `opened by ${order.order.buyer} for ${order.order.operator}`;
}

export function checkAccess({ access, order, dataset, licence }: Receipt, records: ReceiptRecords): string {
  const { predicate } = records['access-granted'].entry;
  same('access.operator', access.operator, predicate.operator);
  same('access.worker', access.worker, predicate.worker);
  same('access.grantedAt', access.grantedAt, predicate.grantedAt);
  same('access.keyId', predicate.keyId, dataset.keyId);
  same('access.licence', predicate.licence, licence.licenceId);
  same('access.orderId', predicate.orderId, order.orderId);
  return `worker ${access.worker}, at ${access.grantedAt}`;
}

export function checkTraining({ training, order, dataset, model }: Receipt, records: ReceiptRecords): string {
  const { entry } = records['training-completed'];
  const { buildDefinition, runDetails } = entry.predicate;
  const { externalParameters, internalParameters, resolvedDependencies } = buildDefinition;
  const access = records['access-granted'];
  const { weightsDigest, ciphertextDigest, orderId, worker } = completionOf(entry);
  same('training.weightsDigest', training.weightsDigest, weightsDigest);
  same('training.ciphertextDigest', training.ciphertextDigest, ciphertextDigest);
  same('training.epochs', training.epochs, externalParameters.epochs);
  same('training.privacy', training.privacy, externalParameters.privacy);
  same('training.privacy', training.privacy, claimOf(access.entry.predicate.privacy));
  same('order.epsilonMicros', order.order.epsilonMicros, epsilonMicrosOfClaim(training.privacy));
  same('training.attested', training.attested, internalParameters.attested);
  same('training.finishedAt', training.finishedAt, runDetails.metadata.finishedOn);
  same('training.orderId', orderId, order.orderId);
  same('training.keyId', externalParameters.keyId, dataset.keyId);
  same('training.jobDigest', externalParameters.jobDigest, order.order.jobDigest);
  same('training.worker', worker.toLowerCase(), access.entry.predicate.worker.toLowerCase());
  same('training.operator', internalParameters.operator, order.order.operator);
  same('training.seedCommitment', internalParameters.seedCommitment, seedOf(access.entry.predicate.privacy));
  const inputs = dependenciesOf(orderId, order.order, {
    manifestDigest: dataset.manifestDigest,
    initialWeightsSha256: String(model['weights']),
    accessEntrySha256: sha256Hex(access.entryBytes),
  });
  same('training inputs', resolvedDependencies, inputs);
  return `weights ${weightsDigest}, ${privacyText(training.privacy)}; ${engineText(internalParameters.trainer)}`;
}

type Claim = Receipt['training']['privacy'];

/** What the record of the access promised, as the completion has it. */
function claimOf(privacy: RunPrivacy): Claim {
  return privacy === 'none' ? privacy : { epsilon: privacy.epsilon, delta: privacy.delta };
}

function seedOf(privacy: RunPrivacy): string | null {
  return privacy === 'none' ? null : privacy.seedCommitment;
}

function engineText({ name, version, jax, threads, device }: TrainerIdentity): string {
  return `${name} ${version} with JAX ${jax}, ${threads} threads of ${device}`;
}

function epsilonMicrosOfClaim(claim: Claim): string {
  return claim === 'none' ? '0' : epsilonMicrosOf(claim.epsilon).toString();
}

function privacyText(claim: Claim): string {
  if (claim === 'none') return 'privacy: none; the model may memorise rows';
  return `privacy: epsilon ${claim.epsilon} at delta ${claim.delta}`;
}

export function checkModel({ model, order }: Receipt): string {
  if (`0x${jsonDigest(model)}` !== order.order.jobDigest) {
    throw new CheckFailed('DIGEST_MISMATCH', 'the model declaration is not the one that was paid for');
  }
  return 'the declaration that the order names by its digest';
}

export function checkSettlement(
  { settlement, order, dataset }: Receipt,
  records: ReceiptRecords,
  trust: Trust,
): string {
  const { predicate } = records['job-settled'].entry;
  same('settlement.transaction', settlement.transaction, predicate.transaction);
  same('settlement.payouts', settlement.payouts, predicate.payouts);
  same('settlement.settledAt', settlement.settledAt, predicate.settledAt);
  same('settlement.orderId', predicate.orderId, order.orderId);
  same('settlement.keyId', predicate.keyId, dataset.keyId);
  if (predicate.outcome !== 'settled') throw new CheckFailed('WRONG_PAYOUT', `the order was ${predicate.outcome}`);
  const split = splitOf(offerFromJson(dataset.offer), orderFromJson(order.order), trust.treasury, trust.protocolFeeBps);
  const plain = (shares: { to: string; amount: string }[]): string =>
    canonicalJson(shares.map(({ to, amount }) => ({ to: to.toLowerCase(), amount })));
  if (plain(settlement.payouts) !== plain(split.map(shareToJson))) {
    throw new CheckFailed('WRONG_PAYOUT', 'the payouts are not the split of the signed offer');
  }
  return `${settlement.payouts.length} paid in transaction ${settlement.transaction}`;
}

/** The digests that join the parts: the order names this offer and this licence, and the order id is the order's. */
export function checkDigests({ order, dataset, licence }: Receipt, market: Deployed): string {
  const require = (what: string, found: string, expected: string): void => {
    if (found !== expected) throw new CheckFailed('DIGEST_MISMATCH', `the ${what} is not the one that was signed for`);
  };
  require('offer', offerDigest(market, offerFromJson(dataset.offer)), order.order.offer);
  require('licence', licenceDigest(market, licenceFromJson(licence.licence)), order.order.licence);
  require('order', orderIdOf(market, orderFromJson(order.order)), order.orderId);
  return 'order id, offer and licence are the digests of what is written here';
}

/** No key before its record, no record of what had not yet happened. */
export function checkSequence(records: ReceiptRecords): string {
  const index = (type: ReceiptRecord): number => records[type].proof.index;
  const before = Math.max(index('dataset-listed'), index('licence-issued'));
  const rising = [before, index('access-granted'), index('training-completed'), index('job-settled')];
  const indices = RECEIPT_RECORDS.map(index).join(', ');
  if (rising.some((n, i) => i > 0 && n <= (rising[i - 1] ?? n))) {
    throw new CheckFailed('OUT_OF_ORDER', `the log holds them as entries ${indices}`);
  }
  // Both orders must be one: a record whose number says otherwise was numbered twice, or too late.
  const sequences = [...RECEIPT_RECORDS]
    .sort((a, b) => index(a) - index(b))
    .map((type) => positionOfRecord(records[type].entry).sequence);
  if (sequences.some((n, i) => i > 0 && n <= (sequences[i - 1] ?? n))) {
    throw new CheckFailed(
      'OUT_OF_ORDER',
      `in the order of the log they are the dataset's records ${sequences.join(', ')}`,
    );
  }
  return `log entries ${indices}: listed and licensed, then granted, trained, settled`;
}
