// A program that opens a key as the worker does, for key-leaks.spec.ts to read all that it prints.
import { readFileSync } from 'node:fs';
import type { Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { WrappedKey } from '../../src/catalog/manifest.js';
import type { Network } from '../../src/kernel/index.js';
import { createKeyVault } from '../../web3/lit/key-vault.js';

export interface OpenerInput {
  network: Network;
  key: WrappedKey;
  /** Of the worker. */
  privateKey: Hex;
  /** The data key, in base64. */
  expected: string;
}

const { network, key, privateKey, expected } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as OpenerInput;
const vault = createKeyVault({ network });
const ticks = setInterval(() => console.log('tick'), 5);
console.log('before');
const account = privateKeyToAccount(privateKey);
const opened = await vault.unwrap(key, {
  address: account.address,
  signMessage: (message) => {
    console.log('signing');
    return account.signMessage(message);
  },
});
clearInterval(ticks);
console.log(Buffer.from(opened).toString('base64') === expected ? 'the same key' : 'another key');
console.error('after');
await vault.close();
