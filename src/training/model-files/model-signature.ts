import { p256 } from '@noble/curves/nist.js';
import { concatBytes, fromHex, sha256Hex, utf8 } from '../../kernel/index.js';
import { toBase64 } from '../../provenance/index.js';

/** What the OpenSSF model signing tool reads (https://github.com/sigstore/model-transparency): DSSE in a Sigstore bundle. */
const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
const PREDICATE_TYPE = 'https://model_signing/signature/v1.0';
/** SubjectPublicKeyInfo of an uncompressed P-256 point, up to the point (RFC 5480). */
const SPKI_PREFIX = '3059301306072a8648ce3d020106082a8648ce3d030107034200';

/**
 * A signature over files of one folder.
 * @param digests - SHA-256 by file name, hex
 * @param key - P-256 private key, 32 bytes. The worker's own key is of another curve, which the tool does not take
 * @returns `model.sig` and the key that verifies it, as PEM
 */
export function signModel(
  name: string,
  digests: Readonly<Record<string, string>>,
  key: Uint8Array,
): { signature: string; publicKey: string } {
  const publicKey = pem(p256.getPublicKey(key, false));
  const payload = utf8(JSON.stringify(statementOf(name, digests)));
  const sig = p256.sign(preAuthentication(payload), key, { format: 'der' });
  const bundle = {
    mediaType: BUNDLE,
    verificationMaterial: { publicKey: { hint: sha256Hex(utf8(publicKey)) }, tlogEntries: [] },
    dsseEnvelope: {
      payload: toBase64(payload),
      payloadType: PAYLOAD_TYPE,
      signatures: [{ sig: toBase64(sig), keyid: '' }],
    },
  };
  return { signature: `${JSON.stringify(bundle)}\n`, publicKey };
}

/** The one subject stands for all: its digest is of the files' digests in the order of their names. */
function statementOf(name: string, digests: Readonly<Record<string, string>>): object {
  const resources = Object.entries(digests)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, digest]) => ({ name: file, algorithm: 'sha256', digest }));
  const root = sha256Hex(concatBytes(...resources.map(({ digest }) => fromHex(`0x${digest}`))));
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name, digest: { sha256: root } }],
    predicateType: PREDICATE_TYPE,
    predicate: {
      serialization: { method: 'files', hash_type: 'sha256', allow_symlinks: false },
      resources,
    },
  };
}

/** DSSE v1: what is signed. */
function preAuthentication(payload: Uint8Array): Uint8Array {
  return concatBytes(utf8(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `), payload);
}

function pem(point: Uint8Array): string {
  const lines = toBase64(concatBytes(fromHex(`0x${SPKI_PREFIX}`), point)).match(/.{1,64}/g) ?? [];
  return `-----BEGIN PUBLIC KEY-----\n${lines.join('\n')}\n-----END PUBLIC KEY-----\n`;
}
