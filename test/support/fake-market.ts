import { Encrypter } from 'age-encryption';
import { parties, market, protocolFeeBps, trainer } from './provenance-story.js';
import { notedLog } from './noted-log.js';
import { STORY_INDICES } from './story-receipt.js';
import type { Dataset, Job, JobProgress, ModelFiles } from '../../src/cli/api/schemas.js';
import type { MarketApi } from '../../src/cli/api/market-api.js';
import type { BuyerChain } from '../../src/cli/ports.js';
import type { Manifest, Terms } from '../../src/catalog/manifest.js';
import {
  jsonDigest,
  keyIdOf,
  licenceFromJson,
  marketplaceDomain,
  offerDigest,
  offerToJson,
  orderFromJson,
  orderIdOf,
  sha256Hex,
  splitOf,
  TYPES,
  utf8,
  WeighbridgeError,
  type Bytes32,
  type Hex,
  type LicenceJson,
  type Offer,
  type Order,
  type OrderJson,
} from '../../src/kernel/index.js';
import { NOTHING } from '../../src/privacy/index.js';
import {
  accessGrantedRecord,
  assembleReceipt,
  datasetListedRecord,
  FIRST_POSITION,
  jobSettledRecord,
  licenceIssuedRecord,
  positionAfter,
  sealRecord,
  trainingCompletedRecord,
} from '../../src/provenance/index.js';

const word = (n: number): Bytes32 => `0x${n.toString(16).padStart(64, '0')}`;
const { seller, buyer, operator, worker, recorder, treasury } = parties;

export type Breakpoint =
  'licence' | 'licensed' | 'blob' | 'open' | 'opened' | 'submit' | 'submitted' | 'watch' | 'receipt' | 'download';

/**
 * Marketplace and chain in memory, which behave to a buyer as the real ones do: repeats are answered, money is counted, and
 * records, receipt and weights are real (real signatures, real proofs, real age). It breaks where a test says.
 */
export class FakeMarket {
  balanceWei = 20_000_000_000_000_000_000n;
  now = Math.floor(Date.parse('2026-11-25T12:00:00Z') / 1000);
  readonly orders = new Map<Bytes32, { order: Order; state: 'open' | 'settled' | 'refunded' }>();
  readonly licences = new Map<string, LicenceJson>();
  /** By pseudonym and account, as they came with the licence. */
  private licensedBy: { licenceSignature: Hex; pseudonymSignature: Hex } | undefined;
  readonly blobs = new Map<string, Uint8Array>();
  readonly jobs = new Map<Bytes32, { job: Job; receipt: Uint8Array | undefined }>();
  /** Card and signature of each job, as the worker made them. */
  readonly modelFiles = new Map<Bytes32, ModelFiles>();
  opened = 0;
  /** The next job ends with this reason, and the money back. */
  refuse: string | undefined;
  /** What the worker encrypts instead of what it recorded. */
  otherWeights: Uint8Array | undefined;
  break: Breakpoint | undefined;

  private constructor(
    readonly dataset: Dataset,
    readonly offer: Offer,
  ) {}

  static async create(): Promise<FakeMarket> {
    const { dataset, offer } = await testDataset();
    return new FakeMarket(dataset, offer);
  }

  private at(step: Breakpoint): void {
    if (this.break === step)
      throw new WeighbridgeError('UNAVAILABLE', `broken at ${step}`, { next: 'Repair the test.', retryable: true });
  }

  readonly chain: BuyerChain = {
    usdfcBalance: async () => this.balanceWei,
    owed: async () => 0n,
    now: async () => this.now,
    anchored: async () => ({ size: 0n, root: word(0) }),
    isRevoked: async () => false,
    isLicenceRevoked: async () => false,
    offerOf: async () => offerDigest(market, this.offer),
    order: async (orderId) => {
      const found = this.orders.get(orderId);
      const state = found?.state ?? 'none';
      return {
        state,
        buyer: buyer.address,
        keyId: this.dataset.id,
        amountWei: 0n,
        deadline: Number(found?.order.deadline ?? 0n),
        splitHash: word(0),
      };
    },
    open: async (order, offer) => {
      const orderId = orderIdOf(market, order);
      if (this.orders.has(orderId)) return word(0x0be);
      this.at('open');
      this.balanceWei -= offer.price;
      this.opened++;
      this.orders.set(orderId, { order, state: 'open' });
      this.at('opened');
      return word(0x0be);
    },
    withdraw: async () => word(0x3d),
    refundExpired: async (order) => {
      this.refund(orderIdOf(market, order));
      return word(0x4ef);
    },
  };

  readonly api: MarketApi = {
    dataset: async () => this.dataset,
    privacyBalance: async () => {
      const shards = this.dataset.manifest.pieces.map(({ shardId }) => ({
        shardId,
        spent: [...NOTHING],
        reserved: [...NOTHING],
      }));
      const { epsilon = null, delta = null } = this.dataset.terms.privacy.budget ?? {};
      return { budgetEpsilon: epsilon, delta, takenEpsilon: epsilon === null ? null : 0, shards };
    },
    issueLicence: async (input) => {
      this.at('licence');
      const licence = input['licence'] as LicenceJson;
      this.licences.set(jsonDigest(licence), licence);
      const [licenceSignature, pseudonymSignature] = [input['signature'] as Hex, input['pseudonymSignature'] as Hex];
      this.licensedBy = { licenceSignature, pseudonymSignature };
      this.at('licensed');
      return { id: word(1), logIndex: 1 };
    },
    putBlob: async (digest, bytes) => {
      this.at('blob');
      this.blobs.set(digest, bytes);
    },
    getBlob: async (digest) => {
      this.at('download');
      return this.blobs.get(digest) ?? new Uint8Array();
    },
    submitJob: async (input) => {
      this.at('submit');
      const { order, declaration, recipient } = input as {
        order: OrderJson;
        declaration: Record<string, unknown>;
        recipient: string;
      };
      const id = orderIdOf(market, orderFromJson(order));
      if (!this.orders.has(id)) throw new WeighbridgeError('ESCROW_NOT_FOUND', 'not paid', { next: 'Pay.' });
      if (!this.jobs.has(id)) await this.runJob(orderFromJson(order), declaration, recipient);
      this.at('submitted');
      return { id };
    },
    cancelJob: async () => {
      throw new WeighbridgeError('JOB_STATE', 'too late', { next: 'Wait.' });
    },
    job: async (id) => {
      const found = [...this.jobs].find(([orderId]) => orderId === id)?.[1].job;
      if (found === undefined) throw new WeighbridgeError('JOB_NOT_FOUND', 'no job', { next: 'Look.' });
      return found;
    },
    receipt: async (id) => {
      this.at('receipt');
      const receipt = this.jobs.get(id as Bytes32)?.receipt;
      return receipt === undefined ? undefined : (JSON.parse(new TextDecoder().decode(receipt)) as unknown);
    },
    modelFiles: async (id) => this.modelFiles.get(id as Bytes32),
    watch: (id) => this.watch(id),
    datasets: async () => Promise.reject(new Error('not used')),
    jobs: async () => Promise.reject(new Error('not used')),
    listDataset: async () => Promise.reject(new Error('not used')),
    nextRecord: async () => Promise.reject(new Error('not used')),
    datasetOfLicence: async () => Promise.reject(new Error('not used')),
    revokeConsent: async () => Promise.reject(new Error('not used')),
    licences: async () => Promise.reject(new Error('not used')),
    lineage: async () => Promise.reject(new Error('not used')),
    erase: async () => Promise.reject(new Error('not used')),
    permitRepairs: async () => Promise.reject(new Error('not used')),
  };

  private async *watch(id: Bytes32): AsyncGenerator<JobProgress> {
    this.at('watch');
    const job = await this.api.job(id);
    yield { id, state: 'training', step: 1, of: 2, reason: null };
    yield job.progress;
  }

  private refund(orderId: Bytes32): void {
    const found = this.orders.get(orderId);
    if (found !== undefined) this.orders.set(orderId, { ...found, state: 'refunded' });
  }

  private async runJob(order: Order, declaration: Record<string, unknown>, recipient: string): Promise<void> {
    const id = orderIdOf(market, order);
    if (this.refuse !== undefined) {
      this.refund(id);
      this.jobs.set(id, { job: this.jobOf(id, order, 'refunded', this.refuse, null), receipt: undefined });
      return;
    }
    const weights = utf8(`weights of ${id}`);
    const encrypter = new Encrypter();
    encrypter.addRecipient(recipient);
    const ciphertext = await encrypter.encrypt(this.otherWeights ?? weights);
    this.blobs.set(sha256Hex(ciphertext), ciphertext);
    const receipt = await this.receiptOf(order, declaration, sha256Hex(weights), sha256Hex(ciphertext));
    this.orders.set(id, { order, state: 'settled' });
    this.jobs.set(id, { job: this.jobOf(id, order, 'settled', null, sha256Hex(ciphertext)), receipt });
  }

  private jobOf(
    id: Bytes32,
    order: Order,
    state: 'settled' | 'refunded',
    reason: string | null,
    ciphertextDigest: string | null,
  ): Job {
    const at = new Date(this.now * 1000).toISOString();
    return {
      id,
      dataset: { id: this.dataset.id, title: this.dataset.title },
      buyer: buyer.address,
      operator: operator.address,
      worker: worker.address,
      state,
      reason,
      progress: { id, state, step: 2, of: 2, reason },
      deadline: new Date(Number(order.deadline) * 1000).toISOString(),
      priceWei: this.offer.price,
      jobDigest: order.jobDigest,
      accessIndex: 2,
      completionIndex: 3,
      weightsDigest: null,
      ciphertextDigest,
      settleTransaction: state === 'settled' ? word(0x7777) : null,
      refundTransaction: state === 'refunded' ? word(0x4ef) : null,
      createdAt: at,
      updatedAt: at,
    };
  }

  private async receiptOf(
    order: Order,
    declaration: Record<string, unknown>,
    weightsSha256: string,
    ciphertextSha256: string,
  ): Promise<Uint8Array> {
    const at = (seconds: number) => new Date((this.now + seconds) * 1000);
    const licence = [...this.licences.values()].at(-1);
    if (licence === undefined || this.licensedBy === undefined) throw new Error('no licence was issued');
    const { licenceSignature, pseudonymSignature } = this.licensedBy;
    const domain = marketplaceDomain(market);
    const orderId = orderIdOf(market, order);
    const assignSignature = await operator.signTypedData({
      domain,
      types: TYPES,
      primaryType: 'Assign',
      message: { orderId, worker: worker.address },
    });
    const { offerSignature, manifest } = this.dataset;
    const listed = datasetListedRecord(market, {
      offer: this.offer,
      offerSignature,
      pieces: manifest.pieces,
      copies: [
        { providerId: 1, dataSetId: 1 },
        { providerId: 2, dataSetId: 2 },
      ],
      position: FIRST_POSITION,
      listedAt: at(0),
    });
    const listedEntry = await sealRecord({ ...listed, signer: seller });
    const licensed = licenceIssuedRecord(market, {
      licence: licenceFromJson(licence),
      licenceSignature,
      position: positionAfter(listedEntry),
      issuedAt: at(1),
    });
    const licensedEntry = await sealRecord({ ...licensed, signer: recorder });
    const modelFiles: ModelFiles = {
      'model-card.md': `# ${orderId}`,
      'model.cdx.json': '{}',
      'declaration.json': '{}',
      'model.sig': '{}',
      'model-signing-key.pub': 'a key',
    };
    this.modelFiles.set(orderId, modelFiles);
    const accessed = accessGrantedRecord(market, {
      order,
      buyer: licence.buyer,
      worker: worker.address,
      assignSignature,
      position: positionAfter(licensedEntry),
      grantedAt: at(2),
    });
    const accessEntry = await sealRecord({ ...accessed, signer: operator });
    const completed = trainingCompletedRecord(market, {
      order,
      worker: worker.address,
      weightsSha256,
      ciphertextSha256,
      modelFilesSha256: jsonDigest(modelFiles),
      manifestDigest: this.offer.manifestDigest,
      initialWeightsSha256: String(declaration['weights']),
      accessEntry,
      epochs: Number(declaration['epochs']),
      privacy: 'none',
      attested: false,
      trainer,
      position: positionAfter(accessEntry),
      startedAt: at(3),
      finishedAt: at(4),
    });
    const completedEntry = await sealRecord({ ...completed, signer: worker });
    const payouts = splitOf(this.offer, order, treasury.address, protocolFeeBps);
    const settled = jobSettledRecord(market, {
      orderId,
      keyId: order.keyId,
      outcome: 'settled',
      transaction: word(0x7777),
      payouts,
      position: positionAfter(completedEntry),
      settledAt: at(5),
    });
    const entries = [
      listedEntry,
      licensedEntry,
      accessEntry,
      completedEntry,
      await sealRecord({ ...settled, signer: recorder }),
    ];
    const of = { market, order, pseudonymSignature, model: declaration, indices: STORY_INDICES };
    return assembleReceipt(notedLog(entries), of);
  }
}

async function testDataset(): Promise<{ dataset: Dataset; offer: Offer }> {
  const datasetId = word(0xda7a);
  const keyId = keyIdOf(seller.address, datasetId, 1);
  const terms: Terms = {
    version: 1,
    title: 'Terms',
    text: 'Be kind.',
    purposes: ['research', 'teaching'],
    privacy: { trainingWithoutPrivacy: true },
    licenceDays: 30,
  };
  const manifest: Manifest = {
    version: 1,
    datasetId,
    datasetVersion: 1,
    keyId,
    title: 'Points',
    description: '',
    tags: [],
    rowCount: 10,
    columns: [
      { name: 'x', type: 'number', range: { min: 0, max: 1 } },
      { name: 'y', type: 'integer', vocabulary: [0, 1] },
    ],
    label: 'y',
    encryption: { scheme: 'weighbridge-envelope-v1', frameBytes: 65_536 },
    format: 'parquet',
    pieces: [
      {
        pieceCid: 'bafkzcibexample',
        sizeBytes: 1000,
        rowCount: 10,
        shardId: `0x${'5a'.repeat(32)}`,
        wrappedKey: '00'.repeat(40),
      },
    ],
    wrappedKey: {
      scheme: 'lit-bls12381-v1',
      ciphertext: 'eA==',
      dataToEncryptHash: '00'.repeat(32),
      condition: { chainId: market.chainId, marketplace: market.contract, keyId },
    },
  };
  const offer: Offer = {
    datasetId,
    version: 1,
    seller: seller.address,
    price: 5_000_000_000_000_000_000n,
    nodeFee: 1_000_000_000_000_000_000n,
    pricePerEpsilon: 0n,
    maxEpsilonMicros: 0n,
    payees: [{ to: seller.address, amount: 3_875_000_000_000_000_000n }],
    operators: [operator.address],
    termsDigest: `0x${jsonDigest(terms)}`,
    manifestDigest: `0x${jsonDigest(manifest)}`,
    validUntil: 2_000_000_000n,
  };
  const offerSignature = await seller.signTypedData({
    domain: marketplaceDomain(market),
    types: TYPES,
    primaryType: 'Offer',
    message: offer,
  });
  const dataset: Dataset = {
    id: keyId,
    datasetId,
    version: 1,
    title: manifest.title,
    description: '',
    seller: seller.address,
    priceWei: offer.price,
    rowCount: 10,
    tags: [],
    revoked: false,
    listedAt: '2026-11-25T11:00:00.000Z',
    label: 'y',
    manifest,
    terms,
    offer: offerToJson(offer),
    offerSignature,
    logIndex: 0,
    accessCount: 0,
  };
  return { dataset, offer };
}
