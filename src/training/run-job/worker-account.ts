import { p256 } from '@noble/curves/nist.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { fromHex, sha256Hex, to0x, utf8, type Bytes32 } from '../../kernel/index.js';

/**
 * The account of one job: key nodes release to it, it signs the completion, and it serves no other order. Derived from
 * the worker seed (32 bytes, used for nothing else), so a worker that was killed has it again and no row or file holds it.
 */
export function workerAccount(workerSeed: Uint8Array, orderId: Bytes32): PrivateKeyAccount {
  return privateKeyToAccount(to0x(hkdf(sha256, workerSeed, fromHex(orderId), utf8('weighbridge/job-worker/v1'), 32)));
}

/**
 * The secret seed of a private run's sampling and noise: whoever has it can take the noise off, so only its SHA-256 is recorded, and a
 * restarted worker replays the very run.
 */
export function privacySeed(workerSeed: Uint8Array, orderId: Bytes32): Uint8Array {
  return hkdf(sha256, workerSeed, fromHex(orderId), utf8('weighbridge/privacy-seed/v1'), 32);
}

/** What the log is told of that seed: 64 hex digits. */
export function seedCommitmentOf(workerSeed: Uint8Array, orderId: Bytes32): string {
  return sha256Hex(privacySeed(workerSeed, orderId));
}

/** Seals the state of one job's run: nobody without the worker seed reads what lies on the disk, and no other job's box takes it. */
export function checkpointKey(workerSeed: Uint8Array, orderId: Bytes32): Uint8Array {
  return hkdf(sha256, workerSeed, fromHex(orderId), utf8('weighbridge/checkpoint/v1'), 32);
}

/** More than the key, so that reducing it leaves no bias (FIPS 186-5, A.2.1). */
const SIGNING_SEED_BYTES = 48;

/**
 * The P-256 key that signs the model of one job: the tool that reads model signatures does not take the worker's own curve. The worker's
 * record vouches for it, by the digest of the model's files.
 */
export function modelSigningKey(workerSeed: Uint8Array, orderId: Bytes32): Uint8Array {
  const seed = hkdf(sha256, workerSeed, fromHex(orderId), utf8('weighbridge/model-signing/v1'), SIGNING_SEED_BYTES);
  return p256.keygen(seed).secretKey;
}
