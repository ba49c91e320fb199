import { Inject, Injectable } from '@nestjs/common';
import { zeroHash } from 'viem';
import { revocationDigest, WeighbridgeError, type Bytes32, type Network } from '../kernel/index.js';
import { FindDataset } from '../catalog/index.js';
import { assertAllowed, type Viewer } from '../identity/index.js';
import {
  isUniqueViolation,
  LOG_CLIENT,
  MARKETPLACE_CHAIN,
  marketOf,
  NETWORK,
  parseInput,
  PrismaService,
} from '../platform/index.js';
import { DatasetLog, entryBytes, envelopeSchema, verifyEntry, type LogClient } from '../provenance/index.js';
import { licenceNotFound } from './access.errors.js';
import { LicenceRepository } from './licence.repository.js';
import type { MarketplaceChain } from './ports.js';
import { RevocationRepository, type Revocation } from './revocation.repository.js';

export interface RevokeConsentInput {
  dataset: Bytes32;
  licence?: Bytes32 | null;
  envelope: unknown;
}

/** A revocation that is in the log. */
export type LoggedRevocation = Revocation & { logIndex: number };

/**
 * Logs that a seller revoked consent, for a dataset version or for one licence of it. The contract was told before: it is what
 * stops the keys, and a record that nothing enforces would say too much. The same call again finishes what was begun.
 */
@Injectable()
export class RevokeConsent {
  private readonly log: DatasetLog;

  constructor(
    private readonly datasets: FindDataset,
    private readonly licences: LicenceRepository,
    private readonly revocations: RevocationRepository,
    @Inject(NETWORK) private readonly network: Network,
    @Inject(MARKETPLACE_CHAIN) private readonly chain: Pick<MarketplaceChain, 'isRevoked' | 'isLicenceRevoked'>,
    @Inject(LOG_CLIENT) log: LogClient,
    prisma: PrismaService,
  ) {
    this.log = new DatasetLog(log, prisma);
  }

  /**
   * @throws WeighbridgeError UNAUTHENTICATED, FORBIDDEN, BAD_INPUT, DATASET_NOT_FOUND, LICENCE_NOT_FOUND, BAD_SIGNATURE,
   *   PROOF_INVALID, RECORD_OUT_OF_ORDER, CHAIN_UNAVAILABLE, LOG_UNAVAILABLE
   */
  async run(viewer: Viewer | undefined, input: RevokeConsentInput): Promise<LoggedRevocation> {
    const { dataset: keyId, licence = null } = input;
    const { seller } = await this.datasets.byKeyId(keyId);
    assertAllowed(viewer, 'consent.revoke', { seller });
    const known = await this.revocations.find(keyId, licence);
    if (known !== undefined) return this.append(known);
    if (licence !== null && (await this.licences.find(licence))?.keyId !== keyId) throw licenceNotFound(licence);
    await this.assertEnforced(keyId, licence);
    return this.append(await this.fix(await this.check(keyId, licence, input.envelope)));
  }

  /** The entry as it will stand in the log: the seller's envelope under the header line, about this consent and no other. */
  private async check(keyId: Bytes32, licence: Bytes32 | null, given: unknown): Promise<Omit<Revocation, 'logIndex'>> {
    const market = marketOf(this.network);
    const digest = revocationDigest(market, { keyId, licence: licence ?? zeroHash });
    const entry = entryBytes('consent-revoked', digest, parseInput('envelope', envelopeSchema, given));
    const record = await verifyEntry(entry, { market, recorder: this.network.recorder });
    // The digest binds the key id, and the key id its seller: another's record has failed by now.
    if (record.type !== 'consent-revoked') throw new Error('the header line says what the record is');
    return { keyId, licence, entry, revokedAt: new Date(record.predicate.revokedAt) };
  }

  private async fix(revocation: Omit<Revocation, 'logIndex'>): Promise<Revocation> {
    try {
      return await this.revocations.fix(revocation);
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      const first = await this.revocations.find(revocation.keyId, revocation.licence);
      if (first === undefined) throw error;
      return first;
    }
  }

  private async assertEnforced(keyId: Bytes32, licence: Bytes32 | null): Promise<void> {
    const told = licence === null ? this.chain.isRevoked(keyId) : this.chain.isLicenceRevoked(keyId, licence);
    if (await told) return;
    throw new WeighbridgeError('BAD_INPUT', 'the Marketplace contract does not know of this revocation', {
      next: 'Call Marketplace.revoke or revokeLicence first ("weighbridge revoke" does), then log it.',
      details: { keyId, licence },
    });
  }

  private async append(revocation: Revocation): Promise<LoggedRevocation> {
    if (revocation.logIndex !== null) return { ...revocation, logIndex: revocation.logIndex };
    const { index } = await this.log.append(revocation.entry);
    await this.revocations.markLogged(revocation, index);
    return { ...revocation, logIndex: index };
  }
}
