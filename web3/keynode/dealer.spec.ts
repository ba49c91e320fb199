import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Hex } from '../../src/kernel/index.js';
import { Fr, publicKeyOf } from './bls.js';
import { deal } from './dealer.js';
import { readShare } from './share-store.js';

const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-deal-'));
const recipients = [1, 2, 3].map((n) => ({
  shareFile: path.join(dir, `share-${n}`),
  passphrase: `passphrase of node ${n}`,
}));
let networkPublicKey: Hex;

beforeAll(async () => {
  networkPublicKey = await deal({ threshold: 2, recipients });
});
afterAll(() => rmSync(dir, { recursive: true }));

const shareOf = async (n: number) => {
  const { shareFile = '', passphrase = '' } = recipients[n - 1] ?? {};
  return readShare(shareFile, passphrase);
};

describe('deal', () => {
  it('makes shares of which any two, and no one, give the network key', async () => {
    for (const [i, j] of [
      [1, 2],
      [2, 3],
      [3, 1],
    ] as const) {
      const [a, b] = [await shareOf(i), await shareOf(j)];
      const combined = interpolate([i, Fr.fromBytes(a.share)], [j, Fr.fromBytes(b.share)]);
      expect(publicKeyOf(Fr.toBytes(combined))).toBe(networkPublicKey);
      expect(publicKeyOf(a.share)).toBe(a.facts.sharePublicKey);
      expect(a.facts).toMatchObject({ index: i, threshold: 2, networkPublicKey });
      expect(a.facts.sharePublicKey).not.toBe(networkPublicKey);
    }
  });

  it('deals once: a second call reads the same network key and touches no file', async () => {
    const before = recipients.map(({ shareFile }) => readFileSync(shareFile, 'utf8'));
    await expect(deal({ threshold: 2, recipients })).resolves.toBe(networkPublicKey);
    expect(recipients.map(({ shareFile }) => readFileSync(shareFile, 'utf8'))).toEqual(before);
  });

  it('refuses to fill a gap: a new share would not fit the old ones', async () => {
    const more = [...recipients, { shareFile: path.join(dir, 'share-4'), passphrase: 'of the fourth node' }];
    await expect(deal({ threshold: 2, recipients: more })).rejects.toThrow(/exist already/);
  });

  it('refuses files of another threshold, and thresholds that make no sense', async () => {
    await expect(deal({ threshold: 3, recipients })).rejects.toThrow(/not of one network/);
    await expect(deal({ threshold: 1, recipients })).rejects.toThrow(RangeError);
    await expect(deal({ threshold: 4, recipients })).rejects.toThrow(RangeError);
  });
});

describe('a share file', () => {
  it("opens with its own passphrase and not with another node's", async () => {
    await expect(readShare(recipients[0]?.shareFile ?? '', 'passphrase of node 2')).rejects.toThrow(/does not open/);
  });

  it.each([
    ['its index', '"index": 1', '"index": 2'],
    ['the network key', /"networkPublicKey": "0x../, '"networkPublicKey": "0x00'],
    ['a byte of the ciphertext', /(?<="ciphertext": "0x)./, (digit: string) => (digit === '0' ? '1' : '0')],
    ['its tag', /"tag": "0x......../, '"tag": "0x00000000'],
    ['its cost', '"logN": 17', '"logN": 1'],
  ])('does not open when somebody changed %s', async (_what, from, to) => {
    const file = path.join(dir, 'changed');
    const text = readFileSync(recipients[0]?.shareFile ?? '', 'utf8');
    const changed = typeof to === 'string' ? text.replace(from, to) : text.replace(from, to);
    expect(changed).not.toBe(text);
    writeFileSync(file, changed);
    await expect(readShare(file, 'passphrase of node 1')).rejects.toThrow(/does not open|is not a share file/);
  });
});

/** The line through two points, at 0. */
function interpolate([x1, y1]: [number, bigint], [x2, y2]: [number, bigint]): bigint {
  const { Fr: F } = bls12_381.fields;
  const [a, b] = [F.create(BigInt(x1)), F.create(BigInt(x2))];
  return F.add(F.mul(y1, F.div(b, F.sub(b, a))), F.mul(y2, F.div(a, F.sub(a, b))));
}
