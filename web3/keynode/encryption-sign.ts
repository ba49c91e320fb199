import { z } from 'zod';
import { toHex, type Address, type Bytes32 } from '../../src/kernel/index.js';
import { releaseIdentity } from '../lit/condition.js';
import { signIdentity } from './bls.js';
import { verifyCapability, type CapabilityContext } from './capability.js';
import { keyIdOf } from './conditions.js';
import { NodeError } from './node-error.js';
import { OneUse } from './one-use.js';
import type { ReleaseCheck } from './release.js';
import { sessionSigSchema, verifySession } from './session.js';

const requestSchema = z.object({
  evmContractConditions: z.unknown().optional(),
  accessControlConditions: z.unknown().optional(),
  solRpcConditions: z.unknown().optional(),
  unifiedAccessControlConditions: z.unknown().optional(),
  dataToEncryptHash: z.string().regex(/^[0-9a-f]{64}$/),
  authSig: sessionSigSchema,
});

export interface EncryptionSignDeps {
  share: { index: number; bytes: Uint8Array };
  chainId: number;
  marketplace: Address;
  /** `ip:port` under which the chain lists this node. */
  nodeHost: string;
  isRecentBlock: CapabilityContext['isRecentBlock'];
  mayRelease: ReleaseCheck;
  /** Throws when this caller asks too often. */
  limitCaller: (caller: Address) => void;
  nowMs: () => number;
}

export interface SignedShare {
  caller: Address;
  keyId: Bytes32;
  body: { result: 'success'; signatureShare: { ProofOfPossession: string }; shareIndex: number };
}

/** Sessions that are remembered at once. At ten minutes each that is a steady 16 a second. */
const SESSIONS_REMEMBERED = 10_000;

/**
 * `POST /web/encryption/sign/`: signs an identity with this node's share. The identity is made here from the condition
 * and the hash, never taken from the caller, so a share is always for the condition that was checked.
 */
export function createEncryptionSign(deps: EncryptionSignDeps): (body: unknown) => Promise<SignedShare> {
  const sessions = new OneUse(SESSIONS_REMEMBERED);

  return async (body) => {
    const { dataToEncryptHash, authSig, ...conditions } = parse(body);
    const keyId = keyIdOf(conditions, deps);
    const { resource, identity } = releaseIdentity({ ...deps, keyId }, dataToEncryptHash);

    const session = verifySession(authSig, resource, deps.nodeHost, deps.nowMs());
    const caller = await verifyCapability(session.capability, { ...deps, ...session, resource });
    deps.limitCaller(caller);
    if (!sessions.use(authSig.sig, session.expiresAtMs, deps.nowMs())) {
      throw new NodeError('NodeInvalidAuthSig', 'The session signature was used before.');
    }

    await deps.mayRelease(keyId, caller);
    const share = Uint8Array.of(deps.share.index, ...signIdentity(deps.share.bytes, identity));
    return {
      caller,
      keyId,
      body: { result: 'success', signatureShare: { ProofOfPossession: toHex(share) }, shareIndex: deps.share.index },
    };
  };
}

function parse(body: unknown): z.infer<typeof requestSchema> {
  const parsed = requestSchema.safeParse(body);
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
    throw new NodeError('NodeBadRequest', `The request is malformed: ${fields}.`);
  }
  return parsed.data;
}
