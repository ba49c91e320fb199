export { AuditModule } from './audit.module.js';
export { AuditResolver } from './audit.resolver.js';
export { HistoryResolver } from './history.resolver.js';
export { BlastRadiusResolver, LineageResolver } from './lineage.resolver.js';
