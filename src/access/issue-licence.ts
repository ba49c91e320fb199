import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import {
  licenceDigest,
  licenceFromJson,
  licenceJson,
  type Address,
  type Bytes32,
  type Hex,
  type Licence,
  type Network,
} from '../kernel/index.js';
import { datasetRevoked, FindDataset } from '../catalog/index.js';
import { assertAllowed, type Viewer } from '../identity/index.js';
import {
  LOG_CLIENT,
  MARKETPLACE_CHAIN,
  marketOf,
  NETWORK,
  parseInput,
  PrismaService,
  RECORDER,
} from '../platform/index.js';
import {
  DatasetLog,
  licenceIssuedRecord,
  sealRecord,
  type LogClient,
  type Position,
  type RecordSigner,
} from '../provenance/index.js';
import { pseudonymUsed } from './access.errors.js';
import { checkLicence, checkPseudonym } from './check-licence.js';
import type { IssuedLicence, NewLicence, PurposeDetail, StoredLicence } from './licence.js';
import { LicenceRepository } from './licence.repository.js';
import type { MarketplaceChain } from './ports.js';

export interface IssueLicenceInput {
  licence: unknown;
  signature: string;
  pseudonymSignature: string;
  purpose: string;
  purposeSalt: Bytes32;
}

/**
 * Issues a licence: the buyer's acceptance of a dataset version's terms, signed under its pseudonym for that dataset and
 * recorded in the log by the marketplace. The entry is fixed in the row before it is appended, because its time and
 * signature are ours: whatever dies in between, the same call finishes it with the same entry.
 */
@Injectable()
export class IssueLicence {
  private readonly log: DatasetLog;

  constructor(
    private readonly datasets: FindDataset,
    private readonly licences: LicenceRepository,
    @Inject(NETWORK) private readonly network: Network,
    @Inject(LOG_CLIENT) log: LogClient,
    @Inject(MARKETPLACE_CHAIN) private readonly chain: Pick<MarketplaceChain, 'isRevoked'>,
    @Inject(RECORDER) private readonly recorder: RecordSigner,
    prisma: PrismaService,
  ) {
    this.log = new DatasetLog(log, prisma);
  }

  /**
   * @throws WeighbridgeError UNAUTHENTICATED, FORBIDDEN, BAD_INPUT, DATASET_NOT_FOUND, DATASET_REVOKED, BAD_TERMS,
   *   LICENCE_EXPIRED, BAD_SIGNATURE, NONCE_USED, CHAIN_UNAVAILABLE, LOG_UNAVAILABLE
   */
  async run(viewer: Viewer | undefined, input: IssueLicenceInput): Promise<IssuedLicence> {
    const licence = licenceFromJson(parseInput('licence', licenceJson, input.licence));
    const id = licenceDigest(marketOf(this.network), licence);
    const known = await this.licences.find(id);
    // A licence is public: whoever repeats one that is not its own must not learn whose it is.
    const buyer = known?.buyer ?? viewer?.address;
    assertAllowed(viewer, 'licence.issue', buyer === undefined ? {} : { buyer });
    if (known !== undefined) return this.append(known);
    const detail = { purpose: input.purpose, salt: input.purposeSalt };
    const signatures = {
      signature: parseInput('signature', hexSignature, input.signature),
      pseudonymSignature: parseInput('pseudonymSignature', canonicalSignature, input.pseudonymSignature),
    };
    const issued = await this.check(id, licence, { buyer: viewer.address, ...signatures }, detail);
    const stored = await this.licences.fix(issued, detail, async (position) => this.seal(issued, position));
    return this.append(stored);
  }

  private async check(
    id: Bytes32,
    licence: Licence,
    by: Pick<NewLicence, 'buyer' | 'signature' | 'pseudonymSignature'>,
    detail: PurposeDetail,
  ): Promise<NewLicence> {
    const { keyId, validUntil } = licence;
    const pseudonym = licence.buyer.toLowerCase() as Address;
    const [market, issuedAt] = [marketOf(this.network), new Date()];
    const dataset = await this.datasets.byKeyId(keyId);
    await checkLicence(licence, by.signature, detail, dataset, market, issuedAt);
    await checkPseudonym(licence, by.pseudonymSignature, by.buyer, market);
    if (await this.licences.isKnownElsewhere(pseudonym, keyId)) throw pseudonymUsed();
    if (await this.chain.isRevoked(keyId)) throw datasetRevoked(keyId);
    return {
      id,
      keyId,
      ...by,
      pseudonym,
      licence,
      validUntil: new Date(Number(validUntil) * 1000),
      issuedAt,
    };
  }

  private async seal({ licence, signature, issuedAt }: NewLicence, position: Position): Promise<Uint8Array> {
    const facts = { licence, licenceSignature: signature, position, issuedAt };
    return sealRecord({ ...licenceIssuedRecord(marketOf(this.network), facts), signer: this.recorder });
  }

  /** The log answers an entry that it has with the index it gave, so this may run any number of times. */
  private async append(licence: StoredLicence): Promise<IssuedLicence> {
    if (licence.logIndex !== null) return { ...licence, logIndex: licence.logIndex };
    const { index, leafHash } = await this.log.append(licence.entry);
    await this.licences.markIssued(licence.id, index, leafHash);
    return { ...licence, logIndex: index };
  }
}

/** As receipts have it: nothing else vouches for its bytes, so it has one spelling. */
const canonicalSignature = z
  .string()
  .regex(
    /^0x[0-9a-f]{64}[0-7][0-9a-f]{63}1[bc]$/,
    '65 bytes as 0x and lower-case hex digits, s the smaller one, v 27 or 28',
  )
  .transform((s): Hex => s as Hex);
const hexSignature = z
  .string()
  .regex(/^0x[0-9a-fA-F]{130}$/, '65 bytes as 0x and hex digits')
  .transform((s): Hex => s.toLowerCase() as Hex);
