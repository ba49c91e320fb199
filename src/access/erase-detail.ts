import { Injectable } from '@nestjs/common';
import type { Bytes32 } from '../kernel/index.js';
import { assertAllowed, type Viewer } from '../identity/index.js';
import { licenceNotFound } from './access.errors.js';
import type { IssuedLicence } from './licence.js';
import { LicenceRepository } from './licence.repository.js';

/**
 * Erases what a buyer stated under a licence, and the salt that ties it to the log. The record keeps its commitment, which no
 * guess can open any more, so the log and every receipt hold as before. There is no way back.
 */
@Injectable()
export class EraseDetail {
  constructor(private readonly licences: LicenceRepository) {}

  /** Repeating it changes nothing. @throws WeighbridgeError UNAUTHENTICATED, LICENCE_NOT_FOUND, also for another's licence */
  async run(viewer: Viewer | undefined, id: Bytes32): Promise<IssuedLicence> {
    const licence = await this.licences.find(id);
    assertAllowed(viewer, 'detail.erase', viewer === undefined ? {} : { buyer: viewer.address });
    if (licence?.logIndex == null || licence.buyer !== viewer.address) throw licenceNotFound(id);
    await this.licences.eraseDetail(id);
    return { ...licence, logIndex: licence.logIndex };
  }
}
