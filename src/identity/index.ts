export { CurrentViewer } from './current-viewer.js';
export { IdentityModule } from './identity.module.js';
export { IdentityResolver } from './identity.resolver.js';
export { Requires } from './permission.guard.js';
export { assertAllowed, isAllowed, PUBLIC_PERMISSIONS, type Permission, type Subject } from './permissions.js';
export { Sessions, SESSION_MS } from './sessions.js';
export type { RequestContext, Viewer } from './viewer.js';
