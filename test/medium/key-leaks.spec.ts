// Real: anvil, KeyNodeStaking, three key node processes, the unmodified lit-node-client in a process of its own, bundled
// as our programs are, whose whole output is read. Faked: ReleaseBoard stands in for Marketplace.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIdentity } from '../../web3/keynode/bls.js';
import { readShare } from '../../web3/keynode/share-store.js';
import { releaseIdentity } from '../../web3/lit/condition.js';
import { createKeyVault } from '../../web3/lit/key-vault.js';
import { startKeyNet, type KeyNet } from '../support/key-net.js';
import { testProgram } from '../support/test-dist.js';
import type { OpenerInput } from './key-opener.js';

let net: KeyNet;
let input: OpenerInput;
let secrets: Uint8Array[];
let opener: string;

beforeAll(async () => {
  opener = await testProgram('medium/key-opener');
  net = await startKeyNet();
  const { network } = net;
  const vault = createKeyVault({ network });
  const dataKey = new Uint8Array(randomBytes(32));
  const privateKey = generatePrivateKey();
  const key = await vault.wrap(dataKey, `0x${randomBytes(32).toString('hex')}`);
  await vault.close();
  await net.record(key.condition.keyId, privateKeyToAccount(privateKey).address);
  await net.finalize();
  const { identity } = releaseIdentity(key.condition, key.dataToEncryptHash);
  secrets = [dataKey, await networkSignature(identity)];
  input = { network, key, privateKey, expected: Buffer.from(dataKey).toString('base64') };
}, 300_000);
afterAll(() => net?.stop());

describe('what a process that opens a key prints', () => {
  it('is what it prints itself, in full, and nothing of the key or of the signature that opens it', async () => {
    const file = path.join(net.layout.dir, 'input.json');
    writeFileSync(file, JSON.stringify(input));
    const output = await run(opener, file);
    expect(printed(output)).toEqual([]);
    expect(output).toContain('tick');
    const lines = output.split('\n').filter((line) => line !== '' && line !== 'tick');
    expect(lines).toEqual(['before', 'signing', 'the same key', 'after']);
  });

  it('would hold that signature without the filter (this is what the test above can see)', async () => {
    const [signature = new Uint8Array()] = secrets.slice(1);
    const line = `console.log('signature from encrypt op: ', Uint8Array.from(${JSON.stringify([...signature])}))`;
    const output = await run('-e', line);
    expect(printed(output)).toEqual(['decimal']);
  });
});

/** In which of the forms that programs print bytes in the output holds a secret. */
function printed(output: string): string[] {
  const decimals = output.match(/\d+/g)?.join(',') ?? '';
  return secrets.flatMap((secret) => {
    const bytes = Buffer.from(secret);
    const forms = {
      hex: output.includes(bytes.toString('hex')),
      base64: output.includes(bytes.toString('base64')),
      decimal: decimals.includes(bytes.join(',')),
    };
    return Object.entries(forms).flatMap(([form, found]) => (found ? [form] : []));
  });
}

/** Runs Node, which must end by itself, and returns all that it wrote. */
async function run(...args: string[]): Promise<string> {
  const child = spawn(process.execPath, args, { timeout: 60_000 });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (code !== 0) throw new Error(`the process ended with ${code ?? signal}: ${output}`);
  return output;
}

/** The signature of two of the three nodes, combined as the SDK does: Lagrange at 0 for the indexes 1 and 2. */
async function networkSignature(identity: string): Promise<Uint8Array> {
  const parts = await Promise.all(
    ([1, 2] as const).map(async (n) => {
      const { KEYNODE_SHARE_FILE: file = '', KEYNODE_PASSPHRASE_FILE: passphraseFile = '' } = net.nodeEnv(n);
      const { share } = await readShare(file, readFileSync(passphraseFile, 'utf8').trim());
      return bls12_381.G2.Point.fromBytes(signIdentity(share, identity));
    }),
  );
  const [one, two] = parts;
  if (one === undefined || two === undefined) throw new Error('two parts');
  return one.multiply(2n).subtract(two).toBytes(true);
}
