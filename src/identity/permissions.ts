import { WeighbridgeError, type Address } from '../kernel/index.js';
import type { Viewer } from './viewer.js';

/** What a rule may look at: the addresses that stand in some relation to the thing. */
export interface Subject {
  seller?: Address;
  buyer?: Address;
  operator?: Address;
  /** Who brought the bytes. */
  uploaders?: readonly Address[];
}

type Rule = (viewer: Viewer | undefined, subject: Subject) => boolean;

const anyone: Rule = () => true;
const signedIn: Rule = (viewer) => viewer !== undefined;
const isOneOf =
  (...roles: ('seller' | 'buyer' | 'operator')[]): Rule =>
  (viewer, subject) =>
    viewer !== undefined && roles.some((role) => isSame(viewer.address, subject[role]));

/**
 * Who may do what: all of it, in one table. What is not here is refused, to everyone. `subject` is left out where only the
 * caller counts; a rule that needs one refuses without it.
 */
const RULES = {
  'session.open': anyone,
  'session.close': signedIn,
  'viewer.read': anyone,
  'network.read': anyone,
  'health.read': anyone,
  'dataset.read': anyone,
  'record.read': anyone,
  'dataset.list': isOneOf('seller'),
  'storage.read': anyone,
  'storage.permit': isOneOf('seller'),
  'notice.read': signedIn,
  'licence.issue': isOneOf('buyer'),
  'licence.read': isOneOf('buyer', 'seller'),
  'consent.revoke': isOneOf('seller'),
  'detail.erase': isOneOf('buyer'),
  'job.submit': isOneOf('buyer'),
  'job.cancel': isOneOf('buyer'),
  'job.read': isOneOf('buyer', 'seller', 'operator'),
  /** The weights are the buyer's alone, encrypted or not. */
  'weights.read': isOneOf('buyer'),
  'blob.write': signedIn,
  'blob.read': (viewer, subject) =>
    isOneOf('buyer', 'seller', 'operator')(viewer, subject) ||
    (viewer !== undefined && (subject.uploaders ?? []).some((uploader) => isSame(viewer.address, uploader))),
} as const satisfies Record<string, Rule>;

export type Permission = keyof typeof RULES;

/** Permissions that need no sign-in. */
export const PUBLIC_PERMISSIONS = Object.entries(RULES)
  .filter(([, rule]) => rule === anyone)
  .map(([name]) => name as Permission);

/** Whether the viewer may do it to this subject. An unknown permission is a no. */
export function isAllowed(viewer: Viewer | undefined, permission: string, subject: Subject = {}): boolean {
  if (!Object.hasOwn(RULES, permission)) return false;
  return RULES[permission as Permission](viewer, subject);
}

/**
 * Whether it is worth asking at all: false for an unknown permission, and for a stranger unless everyone may. The use case
 * still asks about the subject, which is not known before it is read.
 */
export function mayAsk(viewer: Viewer | undefined, permission: string | undefined): boolean {
  if (permission === undefined || !Object.hasOwn(RULES, permission)) return false;
  return viewer !== undefined || PUBLIC_PERMISSIONS.includes(permission as Permission);
}

/** @throws WeighbridgeError UNAUTHENTICATED to a stranger, FORBIDDEN to anybody else who may not */
export function assertAllowed(
  viewer: Viewer | undefined,
  permission: Permission,
  subject: Subject = {},
): asserts viewer is Viewer {
  if (isAllowed(viewer, permission, subject)) return;
  throw viewer === undefined ? unauthenticated() : forbidden(permission);
}

export function unauthenticated(): WeighbridgeError {
  return new WeighbridgeError('UNAUTHENTICATED', 'this needs a session', {
    next: 'Sign in (createNonce, then signIn) and send the token as "Authorization: Bearer <token>".',
  });
}

export function forbidden(permission: string): WeighbridgeError {
  return new WeighbridgeError('FORBIDDEN', `this address may not do that (${permission})`, {
    next: 'Sign in with the address whose business it is.',
    details: { permission },
  });
}

function isSame(a: Address, b: Address | undefined): boolean {
  return b !== undefined && a.toLowerCase() === b.toLowerCase();
}
