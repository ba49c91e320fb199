import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PieceHasher } from '../../web3/filecoin/commp.js';
import { parsePieceCid } from '../../web3/filecoin/piece-cid.js';
import { jsonDigest, toHex } from '../kernel/index.js';
import { croissantOf, dcatOf, type DescribedListing } from './descriptions.js';

/**
 * The committed documents were found valid by the standards' own checkers: Croissant by `mlcroissant` 1.1.1, DCAT by `pyshacl` 0.40.1
 * with the shapes of DCAT-AP 3.0.0 (test/standards/check_descriptions.py). Here: the code still makes those documents.
 */
const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../test/vectors/descriptions/${name}.json`, import.meta.url), 'utf8'));
const listing = { ...(read('listing') as DescribedListing), listedAt: new Date('2026-11-26T05:00:00Z') };

describe('a listing in the words of other catalogues', () => {
  it('is the Croissant document that the checker passed', () => {
    expect(croissantOf(listing)).toEqual(read('croissant'));
  });

  it('is the DCAT document that conforms to the shapes', () => {
    expect(dcatOf(listing)).toEqual(read('dcat'));
  });

  it('names what can be fetched and checked: the manifest by its SHA-256, each piece by its CID', () => {
    const { distribution } = croissantOf(listing) as { distribution: Record<string, string>[] };
    expect(distribution[0]).toMatchObject({
      sha256: jsonDigest(listing.manifest),
      contentUrl: `https://market.example/manifests/${jsonDigest(listing.manifest)}`,
    });
    expect(distribution.slice(1, -1).map(({ identifier }) => identifier)).toEqual(
      listing.manifest.pieces.map(({ pieceCid }) => pieceCid),
    );
  });

  it('gives a piece the root of its tree as checksum, and one that is none no checksum', () => {
    const [piece] = listing.manifest.pieces;
    const checksums = (pieceCid: string): unknown[] => {
      const pieces = [{ ...piece, pieceCid }] as typeof listing.manifest.pieces;
      const { 'dcat:distribution': made } = dcatOf({ ...listing, manifest: { ...listing.manifest, pieces } });
      return (made as Record<string, unknown>[]).map((one) => one['spdx:checksum']);
    };
    const bytes = new Uint8Array(1000).fill(7);
    const pieceCid = new PieceHasher().write(bytes).digest();
    const value = { '@type': 'xsd:hexBinary', '@value': toHex(parsePieceCid(pieceCid)?.root ?? bytes) };
    expect(checksums(pieceCid)).toMatchObject([{ 'spdx:checksumValue': value }]);
    expect(checksums('not a CID')).toEqual([undefined]);
  });

  it('holds no key, wrapped or not', () => {
    const text = JSON.stringify([croissantOf(listing), dcatOf(listing)]);
    for (const { wrappedKey } of listing.manifest.pieces) expect(text).not.toContain(wrappedKey);
    expect(text).not.toContain(listing.manifest.wrappedKey.ciphertext);
  });
});
