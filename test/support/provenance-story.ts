import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import {
  jsonDigest,
  keyIdOf,
  licenceDigest,
  marketplaceDomain,
  offerDigest,
  orderIdOf,
  splitOf,
  TYPES,
  type Bytes32,
  type Licence,
  type Offer,
  type Order,
} from '../../src/kernel/index.js';
import {
  accessGrantedRecord,
  consentRevokedRecord,
  datasetListedRecord,
  FIRST_POSITION,
  copyRepairedRecord,
  jobSettledRecord,
  possessionFaultRecord,
  storageWarningRecord,
  licenceIssuedRecord,
  positionAfter,
  sealRecord,
  trainingCompletedRecord,
  type RunPrivacy,
  type TrainerIdentity,
} from '../../src/provenance/index.js';

const word = (n: number) => `0x${n.toString(16).padStart(64, '0')}` as const;
const account = (n: number) => privateKeyToAccount(word(n));

export const market = { chainId: 31415926, contract: '0x1111111111111111111111111111111111111111' } as const;
export const parties = {
  seller: account(0x5e11),
  buyer: account(0xb04e),
  /** The buyer, as the records of the story's dataset know it. */
  pseudonym: account(0x95e0),
  operator: account(0x09e8),
  worker: account(0x3042),
  recorder: account(0x4ec0),
  treasury: account(0x74ea),
};
export const protocolFeeBps = 250;
export const trainer: TrainerIdentity = {
  name: 'weighbridge-trainer',
  version: '0.1.0',
  jax: '0.8.0',
  jaxlib: '0.8.0',
  python: '3.12.1',
  threads: 2,
  device: 'cpu x64 AuthenticAMD-25-1 0a1b2c3d',
};
export const declaration = {
  version: 1,
  graph: '11'.repeat(32),
  weights: '22'.repeat(32),
  features: [{ kind: 'scale', column: 'pixel', min: 0, max: 16 }],
  optimiser: { name: 'adam', learningRate: 0.001 },
  privacy: 'none',
};

/** What may be told otherwise: a run that really happened. */
export interface StoryRun {
  offer: Partial<Offer>;
  pieces: { pieceCid: string; sizeBytes: number }[];
  declaration: { weights: string; epochs: number };
  epsilonMicros: bigint;
  privacyOf(orderId: Bytes32): RunPrivacy;
  workerOf(orderId: Bytes32): PrivateKeyAccount;
  /** What a party's own record says otherwise than the others', signed by it all the same. */
  lies: {
    licence?: Partial<Licence>;
    order?: Partial<Order>;
    granted?: Partial<Parameters<typeof accessGrantedRecord>[1]>;
    completed?: Partial<Parameters<typeof trainingCompletedRecord>[1]>;
    settled?: Partial<Parameters<typeof jobSettledRecord>[1]>;
  };
  /** `seedCommitment`: another than the access record has. */
  train(orderId: Bytes32): Promise<{ weightsSha256: string; trainer: TrainerIdentity; seedCommitment?: string }>;
}

const TOLD: StoryRun = {
  offer: {},
  lies: {},
  pieces: [{ pieceCid: 'bafkzcibexample', sizeBytes: 123_456 }],
  declaration: { ...declaration, epochs: 20 },
  epsilonMicros: 0n,
  privacyOf: () => 'none',
  workerOf: () => parties.worker,
  train: async () => ({ weightsSha256: '33'.repeat(32), trainer }),
};

/** One settled job with everybody's real signatures: the five entries in log order, and what they were made from. */
export async function provenanceStory(run: Partial<StoryRun> = {}) {
  const { seller, buyer, pseudonym, operator, recorder, treasury } = parties;
  const told = { ...TOLD, ...run };
  const model = run.declaration ?? declaration;
  const domain = marketplaceDomain(market);
  const offer: Offer = {
    datasetId: word(0xda7a),
    version: 1,
    seller: seller.address,
    price: 5_000_000_000_000_000_000n,
    nodeFee: 1_000_000_000_000_000_000n,
    pricePerEpsilon: 0n,
    maxEpsilonMicros: 0n,
    payees: [{ to: seller.address, amount: 3_875_000_000_000_000_000n }],
    operators: [operator.address],
    termsDigest: word(0x7e4),
    manifestDigest: word(0x3a41),
    validUntil: 2_000_000_000n,
    ...told.offer,
  };
  const keyId = keyIdOf(seller.address, offer.datasetId, offer.version);
  const licence: Licence = {
    keyId,
    termsDigest: offer.termsDigest,
    buyer: pseudonym.address,
    purposeCommitment: word(0x9999),
    validUntil: 1_900_000_000n,
    nonce: word(7),
    ...told.lies.licence,
  };
  const order: Order = {
    keyId,
    offer: offerDigest(market, offer),
    buyer: buyer.address,
    operator: operator.address,
    licence: licenceDigest(market, licence),
    jobDigest: `0x${jsonDigest(model)}`,
    epsilonMicros: told.epsilonMicros,
    deadline: 1_800_000_000n,
    salt: word(0x5a17),
    ...told.lies.order,
  };
  const orderId = orderIdOf(market, order);
  const worker = told.workerOf(orderId);
  const privacy = told.privacyOf(orderId);
  const at = (second: number) => new Date(Date.UTC(2026, 10, 25, 12, 0, second));

  const offerSignature = await seller.signTypedData({ domain, types: TYPES, primaryType: 'Offer', message: offer });
  const licenceSignature = await pseudonym.signTypedData({
    domain,
    types: TYPES,
    primaryType: 'Licence',
    message: licence,
  });
  const pseudonymSignature = await buyer.signTypedData({
    domain,
    types: TYPES,
    primaryType: 'Pseudonym',
    message: { keyId, pseudonym: pseudonym.address },
  });
  const assignSignature = await operator.signTypedData({
    domain,
    types: TYPES,
    primaryType: 'Assign',
    message: { orderId, worker: worker.address },
  });

  const listed = await sealRecord({
    ...datasetListedRecord(market, {
      offer,
      offerSignature,
      pieces: told.pieces,
      copies: [
        { providerId: 1, dataSetId: 1 },
        { providerId: 2, dataSetId: 2 },
      ],
      position: FIRST_POSITION,
      listedAt: at(0),
    }),
    signer: seller,
  });
  const licensed = await sealRecord({
    ...licenceIssuedRecord(market, { licence, licenceSignature, position: positionAfter(listed), issuedAt: at(1) }),
    signer: recorder,
  });
  const granted = await sealRecord({
    ...accessGrantedRecord(market, {
      order,
      buyer: pseudonym.address,
      worker: worker.address,
      assignSignature,
      position: positionAfter(licensed),
      privacy,
      grantedAt: at(2),
      ...told.lies.granted,
    }),
    signer: operator,
  });
  const trained = await told.train(orderId);
  const completed = await sealRecord({
    ...trainingCompletedRecord(market, {
      order,
      worker: worker.address,
      ciphertextSha256: '44'.repeat(32),
      manifestDigest: offer.manifestDigest,
      initialWeightsSha256: told.declaration.weights,
      accessEntry: granted,
      epochs: told.declaration.epochs,
      privacy: privacy === 'none' ? privacy : { epsilon: privacy.epsilon, delta: privacy.delta },
      attested: false,
      ...(privacy === 'none' ? {} : { seedCommitment: privacy.seedCommitment }),
      ...trained,
      position: positionAfter(granted),
      startedAt: at(3),
      finishedAt: at(9),
      ...told.lies.completed,
    }),
    signer: worker,
  });
  const settled = await sealRecord({
    ...jobSettledRecord(market, {
      orderId,
      keyId,
      outcome: 'settled',
      transaction: word(0x7777),
      payouts: splitOf(offer, order, treasury.address, protocolFeeBps),
      position: positionAfter(completed),
      settledAt: at(12),
      ...told.lies.settled,
    }),
    signer: recorder,
  });
  const revoked = await sealRecord({
    ...consentRevokedRecord(market, { offer, licence: null, position: positionAfter(settled), revokedAt: at(20) }),
    signer: seller,
  });
  const fault = { keyId, providerId: 3, provider: operator.address, dataSetId: 7, periods: 1, epoch: 4_000 };
  const faulted = await sealRecord({
    ...possessionFaultRecord(market, {
      ...fault,
      kind: 'missed-proof',
      position: positionAfter(revoked),
      observedAt: at(21),
    }),
    signer: recorder,
  });
  const copy = { keyId, replacedDataSetId: 7, providerId: 4, dataSetId: 9, pieces: 1 };
  const repaired = await sealRecord({
    ...copyRepairedRecord(market, { ...copy, position: positionAfter(faulted), repairedAt: at(22) }),
    signer: recorder,
  });
  const deposit = { keyId, daysLeft: 7, fundedUntilEpoch: 24_160 };
  const warned = await sealRecord({
    ...storageWarningRecord(market, { ...deposit, position: positionAfter(repaired), warnedAt: at(23) }),
    signer: recorder,
  });
  // What came after the receipt's five.
  const later = { revoked, faulted, repaired, warned };
  const entries = { listed, licensed, granted, completed, settled };
  return {
    offer,
    offerSignature,
    licence,
    licenceSignature,
    pseudonymSignature,
    order,
    orderId,
    keyId,
    later,
    entries,
  };
}
