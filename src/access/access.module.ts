import { Module } from '@nestjs/common';
import { CatalogModule } from '../catalog/index.js';
import { AccessResolver } from './access.resolver.js';
import { FindLicence } from './find-licence.js';
import { IssueLicence } from './issue-licence.js';
import { LicenceRepository } from './licence.repository.js';

@Module({
  imports: [CatalogModule],
  providers: [AccessResolver, FindLicence, IssueLicence, LicenceRepository],
  exports: [FindLicence],
})
export class AccessModule {}
