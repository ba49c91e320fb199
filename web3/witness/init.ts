import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { privateKeyToAccount } from 'viem/accounts';
import { WeighbridgeError, type Address } from '../../src/kernel/index.js';
import { readEd25519Key } from '../../src/provenance/witness/index.js';
import { CheckpointStore } from './checkpoint-store.js';
import type { WitnessFiles } from './env.js';
import { witnessSigner } from './witness-signer.js';

/** What a witness tells the logs that it watches, and who relies on them. */
export interface WitnessIdentity {
  vkey: string;
  address: Address;
}

/**
 * Makes the keys and the empty state of a new witness; what is there stays. A key whose state is gone gets no new one: it
 * would cosign whatever it is shown, and somebody may hold a cosignature of another history.
 * @throws WeighbridgeError CONFIG_INVALID
 */
export function initWitness({ name, keyFile, chainKeyFile, stateFile }: WitnessFiles): WitnessIdentity {
  for (const file of [keyFile, chainKeyFile, stateFile]) {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  }
  if (!existsSync(chainKeyFile)) writeSecret(chainKeyFile, `0x${randomBytes(32).toString('hex')}\n`);
  const isNew = !existsSync(keyFile);
  const pem = isNew ? newKey() : readFileSync(keyFile, 'utf8');
  const account = privateKeyToAccount(readFileSync(chainKeyFile, 'utf8').trim() as `0x${string}`);
  const { vkey, address } = witnessSigner(name, readEd25519Key(pem, 'WITNESS_KEY_FILE'), account);
  if (isNew) {
    // State that no key belongs to is of an init that was cut short: nobody has seen that key.
    for (const end of ['', '-wal', '-shm']) rmSync(`${stateFile}${end}`, { force: true });
    CheckpointStore.create(stateFile, vkey);
    writeSecret(keyFile, pem);
  }
  if (!existsSync(stateFile)) {
    throw new WeighbridgeError('CONFIG_INVALID', 'WITNESS_KEY_FILE is there, and WITNESS_STATE_FILE is gone', {
      next: 'Find the state file. If it is lost, this witness is over: make a new one with a new key and a new name.',
    });
  }
  return { vkey, address };
}

function newKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function writeSecret(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600, flag: 'wx', flush: true });
}
