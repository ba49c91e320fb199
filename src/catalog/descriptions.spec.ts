import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { jsonDigest } from '../kernel/index.js';
import { croissantOf, dcatOf, type DescribedListing } from './descriptions.js';

/**
 * The committed documents were found valid by the standards' own checkers: Croissant by `mlcroissant validate` 1.0, DCAT by
 * reading it as RDF (rdflib) and asking for the properties that DCAT 3 names. Here: the code still makes those documents.
 */
const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../test/vectors/descriptions/${name}.json`, import.meta.url), 'utf8'));
const listing = { ...(read('listing') as DescribedListing), listedAt: new Date('2026-11-26T05:00:00Z') };

describe('a listing in the words of other catalogues', () => {
  it('is the Croissant document that the checker passed', () => {
    expect(croissantOf(listing)).toEqual(read('croissant'));
  });

  it('is the DCAT document that was read as RDF', () => {
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

  it('holds no key, wrapped or not', () => {
    const text = JSON.stringify([croissantOf(listing), dcatOf(listing)]);
    for (const { wrappedKey } of listing.manifest.pieces) expect(text).not.toContain(wrappedKey);
    expect(text).not.toContain(listing.manifest.wrappedKey.ciphertext);
  });
});
