import { Module } from '@nestjs/common';
import { CatalogModule } from '../catalog/index.js';
import { AccessResolver } from './access.resolver.js';
import { EraseDetail } from './erase-detail.js';
import { FindLicence } from './find-licence.js';
import { IssueLicence } from './issue-licence.js';
import { LicenceRepository } from './licence.repository.js';
import { RevocationRepository } from './revocation.repository.js';
import { RevokeConsent } from './revoke-consent.js';

@Module({
  imports: [CatalogModule],
  providers: [
    AccessResolver,
    EraseDetail,
    FindLicence,
    IssueLicence,
    LicenceRepository,
    RevocationRepository,
    RevokeConsent,
  ],
  exports: [FindLicence],
})
export class AccessModule {}
