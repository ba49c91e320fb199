import { createPublicKey, verify } from 'node:crypto';
import { DID } from 'dids';
import { base58btc } from 'multiformats/bases/base58';

/**
 * The DID that the engine checks commits with. What an Ed25519 did:key signed for its own streams is checked by OpenSSL, in a
 * twentieth of the time; whatever that does not find good, and every other kind of key, goes the way of `dids`, whose word counts.
 */
export class VerifyingDid extends DID {
  async verifyJWS(jws, options = {}) {
    if (options.capability == null && isSignedBy(options.issuer, jws)) return { kid: kidOf(jws.signatures[0]) };
    return super.verifyJWS(jws, options);
  }
}

function isSignedBy(issuer, jws) {
  try {
    const [signature, ...more] = jws.signatures;
    const [did] = kidOf(signature).split('#');
    if (more.length > 0 || did !== issuer) return false;
    const bytes = Buffer.from(`${signature.protected}.${jws.payload}`);
    return verify(null, bytes, publicKeyOf(did), Buffer.from(signature.signature, 'base64url'));
  } catch {
    return false;
  }
}

/** @throws Error unless the header is for EdDSA */
function kidOf(signature) {
  const { alg, kid } = JSON.parse(Buffer.from(signature.protected, 'base64url').toString());
  if (alg !== 'EdDSA') throw new Error(`no EdDSA: ${alg}`);
  return kid;
}

/** Of the DID that was asked for last: nearly every commit is by the same relay. */
let newest = { did: undefined, key: undefined };

/** @throws Error for anything but a did:key of Ed25519 (multicodec 0xed01) */
function publicKeyOf(did) {
  if (newest.did !== did) newest = { did, key: decodeKey(did) };
  return newest.key;
}

function decodeKey(did) {
  const [, method, name] = did.split(':');
  const bytes = base58btc.decode(name);
  if (method !== 'key' || bytes.length !== 34 || bytes[0] !== 0xed || bytes[1] !== 0x01)
    throw new Error(`no key: ${did}`);
  const x = Buffer.from(bytes.subarray(2)).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}
