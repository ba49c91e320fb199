// Verifies Ed25519 DSSE envelopes: a chunk of entries at a time, or one signature again and again to see what the core can.
import { createPublicKey, verify } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import sodium from 'sodium-native';

const key = createPublicKey(workerData);
// The last 32 bytes of an Ed25519 SubjectPublicKeyInfo are the key (RFC 8410).
const rawKey = key.export({ type: 'spki', format: 'der' }).subarray(-32);
/**
 * libsodium takes half the time of Node's OpenSSL, and takes no signature that OpenSSL refuses: both check RFC 8032 without
 * the cofactor (tried with points of order 8 added to R and to the key), and libsodium refuses points of small order besides.
 * So what it lets in, an auditor's verifier holds for signed too.
 */
const VERIFIERS = {
  node: (pae, signature) => verify(null, pae, key, signature),
  libsodium: (pae, signature) => sodium.crypto_sign_verify_detached(signature, pae, rawKey),
};
/** The same under a name that a linter does not take for a window's. */
const answer = (message, transfer) => parentPort.postMessage(message, transfer);

parentPort.on('message', ({ id, envelope, verifier, durationMs, bytes, ends }) => {
  if (envelope !== undefined) return answer({ id, rate: rateOf(envelope, VERIFIERS[verifier], durationMs) });
  ends.forEach((end, i) =>
    assertSigned(Buffer.from(bytes.buffer, i === 0 ? 0 : ends[i - 1], end - (ends[i - 1] ?? 0))),
  );
  answer({ id, bytes, ends }, [bytes.buffer]);
});

function assertSigned(entry) {
  const { pae, signature } = read(JSON.parse(entry.toString('latin1', entry.indexOf(10) + 1)));
  if (!VERIFIERS.libsodium(pae, signature)) throw new Error('a signature does not verify');
}

function rateOf(envelope, verified, durationMs) {
  const { pae, signature } = read(JSON.parse(Buffer.from(envelope).toString()));
  const from = performance.now();
  let count = 0;
  for (; performance.now() - from < durationMs; count++) verified(pae, signature);
  return count / ((performance.now() - from) / 1000);
}

function read({ payloadType, payload, signatures: [{ sig }] }) {
  const body = Buffer.from(payload, 'base64');
  const head = Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${body.length} `, 'latin1');
  return { pae: Buffer.concat([head, body]), signature: Buffer.from(sig, 'base64') };
}
