export { AuditModule } from './audit.module.js';
export { AuditResolver } from './audit.resolver.js';
