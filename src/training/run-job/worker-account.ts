import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { fromHex, to0x, utf8, type Bytes32 } from '../../kernel/index.js';

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
