import { bls12_381 } from '@noble/curves/bls12-381.js';
import { blsCombine, blsDecrypt, blsEncrypt, blsVerify } from '@lit-protocol/wasm';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8 } from '../../src/kernel/index.js';
import { Fr, publicKeyOf, randomScalar, signIdentity } from './bls.js';

/** Lit's published vectors: LIT-Protocol/js-sdk, packages/wasm/src/lib/bls.spec.ts ("old format", the one of 7.x). */
const NETWORK_KEY = '99becf3f854c2073b06e4bdb5653f72d0b37615eb12e8e64d58db25568cbff66de804b9af7f90be4c87884adab52c50b';
const IDENTITY =
  'lit-accesscontrolcondition://998a67a9f2a362bd00a884bb7ac1252a470c7396fdd877a3d9a51c96fbf3ea63/64ec88ca00b268e5ba1a35678a1b5316d212f4f366b2477232534a8aeca37f3c';
const SHARES = [
  '028b5c1c0bab3e75adb7d1f2bb7233d62425b2ea3c10b74a368535b541b839a46708899a96538c4b2b84f4acb69d4729c3067b692e193087c99b75ce66820d747cffd465224b3b077413254511ab5c27e8561f64512c7d3c0d36f2764c0dbf15d1',
  '03aaa72a0cf895de2d355131a2044c602b14c7d5a86d890538ec15892a73d44de22be8cd3afabd91e73d93a558d27fc10a19ab372e2a237ac4ca0589e4b63a957392d90deffc8e17c8523febff7ab5ff9e2b5d0c2443664d54b33e31d4719d846f',
];
const CIPHERTEXT =
  'gde2ccRMkMpC42544vHngsOG2Wdl5a7IpeTNmq+h0FKzVargGrOWToM48pc02EtHXSyewu8Khrr1YlF+l4xo4pR2tApEnIYp/22zQgS2LvcgURe9pbcLeJ57fsxsdbrmMQVgg6hPcqbmWT4tU0+7KTAC';
const DST = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_';

describe('the BLS of a key node', () => {
  it("agrees with Lit's published shares: combined here, they verify under the published key with our hash to G2", () => {
    const points = SHARES.map((share) => bls12_381.G2.Point.fromHex(share.slice(2)));
    const [two, three] = points;
    if (!two || !three) throw new Error('two shares');
    // Lagrange at 0 for the indexes 2 and 3: 3 and -2.
    const combined = two.multiply(3n).add(three.multiply(2n).negate());
    const bls = bls12_381.longSignatures;
    expect(bls.verify(combined, bls.hash(utf8(IDENTITY), DST), fromHex(NETWORK_KEY))).toBe(true);
    expect(bls.verify(combined, bls.hash(utf8(`${IDENTITY}0`), DST), fromHex(NETWORK_KEY))).toBe(false);
  });

  it('opens the published ciphertext with the WASM that the SDK carries', async () => {
    const signature = await blsCombine('Bls12381G2', SHARES.map(fromHex));
    await blsVerify('Bls12381G2', fromHex(NETWORK_KEY), utf8(IDENTITY), signature);
    const plaintext = await blsDecrypt('Bls12381G2', new Uint8Array(Buffer.from(CIPHERTEXT, 'base64')), signature);
    expect(Buffer.from(plaintext).toString()).toBe('Hello world');
  });

  it("signs shares that the SDK's WASM combines, verifies and opens with", async () => {
    const coefficients = [randomScalar(), randomScalar()] as const;
    const shareOf = (x: bigint) => Fr.toBytes(Fr.add(coefficients[0], Fr.mul(coefficients[1], x)));
    const networkKey = fromHex(publicKeyOf(Fr.toBytes(coefficients[0])));
    const ciphertext = await blsEncrypt('Bls12381G2', networkKey, utf8('a key'), utf8(IDENTITY));
    const wire = (x: number) => fromHex(toHex(Uint8Array.of(x)) + toHex(signIdentity(shareOf(BigInt(x)), IDENTITY)));
    for (const [i, j] of [
      [1, 2],
      [1, 3],
      [3, 2],
    ] as const) {
      const signature = await blsCombine('Bls12381G2', [wire(i), wire(j)]);
      await blsVerify('Bls12381G2', networkKey, utf8(IDENTITY), signature);
      expect(Buffer.from(await blsDecrypt('Bls12381G2', ciphertext, signature)).toString()).toBe('a key');
    }
  });
});
