export { licenceExpired, licenceNotFound } from './access.errors.js';
export { AccessModule } from './access.module.js';
export { AccessResolver } from './access.resolver.js';
export { purposeCommitment } from './check-licence.js';
export { FindLicence } from './find-licence.js';
export type { IssuedLicence, PurposeDetail, StoredLicence } from './licence.js';
export { LicenceRepository } from './licence.repository.js';
export * from './ports.js';
