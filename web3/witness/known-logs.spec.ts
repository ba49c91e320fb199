import { generateKeyPairSync } from 'node:crypto';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import { readEd25519Key } from '../../src/provenance/witness/index.js';
import { NotingLog } from '../../test/support/noting-log.js';
import { parseLogs } from './known-logs.js';
import { witnessSigner } from './witness-signer.js';

describe('the logs that it watches', () => {
  it.each([
    ['no JSON', 'x'],
    ['a vkey that is none', JSON.stringify([{ origin: 'a', vkeys: ['x'] }])],
    ['no key', JSON.stringify([{ origin: 'a', vkeys: [] }])],
    ['a member too many', JSON.stringify([{ origin: 'a', vkeys: [new NotingLog('a').vkey], more: 1 }])],
  ])('are refused: %s', (_what, text) => {
    expect(() => parseLogs(text)).toThrow();
  });

  it('are refused: a witness’s key, or one origin twice', () => {
    const account = privateKeyToAccount(`0x${'11'.repeat(32)}`);
    const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const witness = witnessSigner('witness.example/w1', readEd25519Key(pem, 'WITNESS_KEY_FILE'), account);
    const entry = { origin: 'a', vkeys: [new NotingLog('a').vkey] };
    expect(() => parseLogs(JSON.stringify([entry, entry]))).toThrow(/twice/);
    expect(() => parseLogs(JSON.stringify([{ origin: 'a', vkeys: [witness.vkey] }]))).toThrow(/Ed25519 key/);
  });
});
