import { Injectable } from '@nestjs/common';
import type { Bytes32 } from '../kernel/index.js';
import { assertAllowed, type Viewer } from '../identity/index.js';
import type { Page, PageRequest } from '../platform/graphql/index.js';
import { licenceExpired, licenceNotFound } from './access.errors.js';
import type { IssuedLicence } from './licence.js';
import { LicenceRepository } from './licence.repository.js';

/** Reads of licences, for their buyers. */
@Injectable()
export class FindLicence {
  constructor(private readonly licences: LicenceRepository) {}

  /** The viewer's own. @throws WeighbridgeError UNAUTHENTICATED */
  async list(viewer: Viewer | undefined, keyId: Bytes32 | undefined, page: PageRequest): Promise<Page<IssuedLicence>> {
    assertAllowed(viewer, 'licence.read', viewer === undefined ? {} : { buyer: viewer.address });
    return this.licences.listOf(viewer.address, keyId, page);
  }

  /**
   * A licence that an order may name: issued, of this buyer, for this dataset, and not over.
   * @throws WeighbridgeError LICENCE_NOT_FOUND, LICENCE_EXPIRED
   */
  async assertUsable(id: Bytes32, buyer: Viewer, keyId: Bytes32, now: Date): Promise<IssuedLicence> {
    const licence = await this.licences.find(id);
    if (licence?.logIndex == null || licence.buyer !== buyer.address || licence.keyId !== keyId) {
      throw licenceNotFound(id);
    }
    if (licence.validUntil <= now) throw licenceExpired(id, `it ended ${licence.validUntil.toISOString()}`);
    return { ...licence, logIndex: licence.logIndex };
  }
}
