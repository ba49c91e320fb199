import { Injectable } from '@nestjs/common';
import type { Bytes32 } from '../kernel/index.js';
import { FindDataset } from '../catalog/index.js';
import { assertAllowed, isAllowed, type Viewer } from '../identity/index.js';
import { batchByRequest, type Page, type PageRequest } from '../platform/graphql/index.js';
import { licenceExpired, licenceNotFound } from './access.errors.js';
import type { IssuedLicence } from './licence.js';
import { LicenceRepository } from './licence.repository.js';

/** Reads of licences, for their buyers. */
@Injectable()
export class FindLicence {
  /** For the rows of a page, fetched together. Only for whoever may read the licence. */
  readonly purpose = batchByRequest<Bytes32, string>((ids) => this.licences.purposesOf(ids));

  constructor(
    private readonly licences: LicenceRepository,
    private readonly datasets: FindDataset,
  ) {}

  /** The viewer's own. @throws WeighbridgeError UNAUTHENTICATED */
  async list(viewer: Viewer | undefined, keyId: Bytes32 | undefined, page: PageRequest): Promise<Page<IssuedLicence>> {
    assertAllowed(viewer, 'licence.read', viewer === undefined ? {} : { buyer: viewer.address });
    return this.licences.listOf(viewer.address, keyId, page);
  }

  /** Undefined for one that is not issued, and for everybody but its buyer and the seller of its dataset. */
  async byId(viewer: Viewer | undefined, id: Bytes32): Promise<IssuedLicence | undefined> {
    const licence = await this.licences.find(id);
    if (licence?.logIndex == null) return undefined;
    const { seller } = await this.datasets.byKeyId(licence.keyId);
    const allowed = isAllowed(viewer, 'licence.read', { buyer: licence.buyer, seller });
    return allowed ? { ...licence, logIndex: licence.logIndex } : undefined;
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
