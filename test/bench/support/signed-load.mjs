import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import os from 'node:os';
import { Worker } from 'node:worker_threads';
import { canonicalJson, utf8 } from '../../../dist/src/kernel/index.js';
import { dssePae } from '../../../dist/src/provenance/index.js';

const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
const HEADER_BYTES = 'weighbridge/v1 bench '.length + 64 + 1;
/** Entries that travel to a worker together. */
const CHUNK = 64;

/**
 * DSSE envelopes signed with Ed25519, such that an entry has `entryBytes`. The product's own entries carry EIP-191
 * signatures by wallets, which its log does not judge; this is what a log that judges would have to keep up with.
 */
export function signedEnvelopes(entryBytes, count) {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const envelope = (payload) =>
    utf8(
      canonicalJson({
        payloadType: PAYLOAD_TYPE,
        payload: payload.toString('base64'),
        signatures: [
          { keyid: 'bench', sig: sign(null, dssePae(PAYLOAD_TYPE, payload), privateKey).toString('base64') },
        ],
      }),
    );
  const room = entryBytes - HEADER_BYTES - envelope(Buffer.alloc(0)).length;
  const envelopes = Array.from({ length: count }, () => envelope(randomBytes(Math.floor((room / 4) * 3))));
  return { envelopes, publicKey: publicKey.export({ type: 'spki', format: 'pem' }) };
}

/** Starts as many workers as there are cores. */
export async function verifierPool(publicKey) {
  const workers = os
    .cpus()
    .map(() => new Worker(new URL('verify-worker.mjs', import.meta.url), { workerData: publicKey }));
  const waiting = new Map();
  let asked = 0;
  for (const worker of workers) {
    worker.on('message', ({ id, ...answer }) => {
      waiting.get(id)(answer);
      waiting.delete(id);
    });
  }
  const ask = (worker, message, transfer = []) =>
    new Promise((resolve) => {
      waiting.set(++asked, resolve);
      worker.postMessage({ id: asked, ...message }, transfer);
    });
  return {
    /** Signatures a second that all cores verify when they do nothing else; `verifier` is node or libsodium. */
    async rateAlone(verifier, envelope, durationMs) {
      const rates = await Promise.all(workers.map((worker) => ask(worker, { verifier, envelope, durationMs })));
      return rates.reduce((sum, { rate }) => sum + rate, 0);
    },
    /** Loops that make entries, have them verified, and append those; the workers take turns. */
    async load({ envelopes, callers, append, durationMs }) {
      let [made, count] = [0, 0];
      const from = performance.now();
      const loop = async (_, i) => {
        while (performance.now() - from < durationMs) {
          const chunk = entriesOf(envelopes, made);
          made += CHUNK;
          const { bytes, ends } = await ask(workers[i % workers.length], chunk, [chunk.bytes.buffer]);
          await Promise.all(ends.map((end, n) => append(bytes.subarray(n === 0 ? 0 : ends[n - 1], end))));
          count += ends.length;
        }
      };
      await Promise.all(Array.from({ length: Math.ceil(callers / CHUNK) }, loop));
      return { count, rate: count / ((performance.now() - from) / 1000) };
    },
    stop: () => Promise.all(workers.map((worker) => worker.terminate())),
  };
}

/** The next entries in one buffer. Each is distinct by its header line; envelopes repeat after some thousand. */
function entriesOf(envelopes, first) {
  const some = Array.from({ length: CHUNK }, (_, i) => envelopes[(first + i) % envelopes.length]);
  const bytes = new Uint8Array(some.reduce((sum, envelope) => sum + HEADER_BYTES + envelope.length, 0));
  const ends = [];
  let offset = 0;
  some.forEach((envelope, i) => {
    Buffer.from(bytes.buffer).write(
      `weighbridge/v1 bench ${(first + i).toString(16).padStart(64, '0')}\n`,
      offset,
      'latin1',
    );
    bytes.set(envelope, offset + HEADER_BYTES);
    offset += HEADER_BYTES + envelope.length;
    ends.push(offset);
  });
  return { bytes, ends };
}
