import { canonicalJson, jsonDigest, toHex, utf8, type Bytes32 } from '../kernel/index.js';
import type { Column, Manifest, Terms } from './manifest.js';

/** A listing, as far as descriptions of it for others need it. */
export interface DescribedListing {
  id: Bytes32;
  version: number;
  seller: string;
  manifest: Manifest;
  terms: Terms;
  listedAt: Date;
  /** Where the marketplace answers. */
  apiUrl: string;
}

/** The context that Croissant 1.0 prescribes, word for word (docs.mlcommons.org/croissant, "Appendix 1"). */
const CONTEXT = {
  '@language': 'en',
  '@vocab': 'https://schema.org/',
  citeAs: 'cr:citeAs',
  column: 'cr:column',
  conformsTo: 'dct:conformsTo',
  cr: 'http://mlcommons.org/croissant/',
  rai: 'http://mlcommons.org/croissant/RAI/',
  data: { '@id': 'cr:data', '@type': '@json' },
  dataType: { '@id': 'cr:dataType', '@type': '@vocab' },
  dct: 'http://purl.org/dc/terms/',
  equivalentProperty: 'cr:equivalentProperty',
  examples: { '@id': 'cr:examples', '@type': '@json' },
  extract: 'cr:extract',
  field: 'cr:field',
  fileProperty: 'cr:fileProperty',
  fileObject: 'cr:fileObject',
  fileSet: 'cr:fileSet',
  format: 'cr:format',
  includes: 'cr:includes',
  isLiveDataset: 'cr:isLiveDataset',
  jsonPath: 'cr:jsonPath',
  key: 'cr:key',
  md5: 'cr:md5',
  parentField: 'cr:parentField',
  path: 'cr:path',
  recordSet: 'cr:recordSet',
  references: 'cr:references',
  regex: 'cr:regex',
  repeated: 'cr:repeated',
  replace: 'cr:replace',
  samplingRate: 'cr:samplingRate',
  sc: 'https://schema.org/',
  separator: 'cr:separator',
  source: 'cr:source',
  subField: 'cr:subField',
  transform: 'cr:transform',
};

const DATA_TYPES: Record<Column['type'], string> = {
  number: 'sc:Float',
  integer: 'sc:Integer',
  boolean: 'sc:Boolean',
  string: 'sc:Text',
  tensor: 'sc:Float',
  image: 'sc:ImageObject',
};

/**
 * The listing as Croissant 1.0 JSON-LD: field types, licence, and the ciphertext pieces with their checksums. No row and no
 * value of one is in it. Fields are columns of the shards, which nobody but a recorded training run decrypts.
 */
export function croissantOf(listing: DescribedListing): Record<string, unknown> {
  const { id, version, seller, manifest, terms, listedAt } = listing;
  return {
    '@context': CONTEXT,
    '@type': 'sc:Dataset',
    conformsTo: 'http://mlcommons.org/croissant/1.0',
    name: manifest.title,
    description: manifest.description === '' ? manifest.title : manifest.description,
    identifier: id,
    url: manifestUrl(listing),
    version: `${version}.0.0`,
    datePublished: listedAt.toISOString().slice(0, 10),
    creator: { '@type': 'sc:Organization', name: seller, identifier: seller },
    license: licenceUrl(listing),
    usageInfo: `${terms.title}. Purposes: ${terms.purposes.join('; ')}. A licence lasts ${terms.licenceDays} days.`,
    keywords: manifest.tags,
    citeAs: `${manifest.title}, version ${version}, listed by ${seller}, ${id}`,
    distribution: distributionOf(listing),
    recordSet: [
      {
        '@type': 'cr:RecordSet',
        '@id': 'rows',
        name: 'rows',
        description: `${manifest.rowCount} rows, encrypted. They are trained on inside a sandbox and are never given out.`,
        field: manifest.columns.map((column) => fieldOf(column, manifest.label)),
      },
    ],
  };
}

/** The manifest, by its SHA-256, and the pieces in it, by their piece CIDs: Merkle roots over SHA-256 (FRC-0069). */
function distributionOf(listing: DescribedListing): Record<string, unknown>[] {
  const { manifest } = listing;
  return [
    {
      '@type': 'cr:FileObject',
      '@id': 'manifest',
      name: 'manifest.json',
      description: 'The canonical JSON of the manifest, whose digest the seller signed.',
      contentUrl: manifestUrl(listing),
      contentSize: `${manifestBytes(manifest)} B`,
      encodingFormat: 'application/json',
      sha256: jsonDigest(manifest),
    },
    ...manifest.pieces.map((piece, number) => ({
      '@type': 'cr:FileObject',
      '@id': `piece-${number}`,
      name: `piece-${number}`,
      description: `Ciphertext of ${piece.rowCount} rows${piece.holdout === true ? ', held out of training' : ''}; Filecoin piece CID ${piece.pieceCid}.`,
      identifier: piece.pieceCid,
      contentUrl: `ipfs://${piece.pieceCid}`,
      contentSize: `${piece.sizeBytes} B`,
      encodingFormat: 'application/octet-stream',
      containedIn: { '@id': 'manifest' },
    })),
    {
      '@type': 'cr:FileSet',
      '@id': 'shards',
      name: 'shards',
      description: 'What the pieces hold, decrypted: Parquet files.',
      containedIn: { '@id': 'manifest' },
      encodingFormat: 'application/vnd.apache.parquet',
      includes: 'piece-*',
    },
  ];
}

function fieldOf({ name, type, range, vocabulary }: Column, label: string | undefined): Record<string, unknown> {
  const declared = [
    ...(name === label ? ['The label.'] : []),
    ...(range === undefined ? [] : [`Declared range: ${range.min} to ${range.max}.`]),
    ...(vocabulary === undefined ? [] : [`Declared values: ${vocabulary.join(', ')}.`]),
  ];
  return {
    '@type': 'cr:Field',
    '@id': `rows/${toHex(utf8(name))}`,
    name,
    ...(declared.length === 0 ? {} : { description: declared.join(' ') }),
    dataType: DATA_TYPES[type],
    ...(type === 'tensor' ? { repeated: true } : {}),
    source: { fileSet: { '@id': 'shards' }, extract: { column: name } },
  };
}

/** The manifest by its digest: exactly the bytes that the seller signed. */
export function manifestUrl({ manifest, apiUrl }: DescribedListing): string {
  return new URL(`manifests/${jsonDigest(manifest)}`, withSlash(apiUrl)).href;
}

/** Where this description of the listing is served. */
export function croissantUrl({ id, apiUrl }: DescribedListing): string {
  return new URL(`datasets/${id}/croissant.json`, withSlash(apiUrl)).href;
}

/** The terms by their digest: what the buyer signs and the log names. */
export function licenceUrl({ apiUrl, terms }: DescribedListing): string {
  return new URL(`terms/${jsonDigest(terms)}`, withSlash(apiUrl)).href;
}

function manifestBytes(manifest: Manifest): number {
  return utf8(canonicalJson(manifest)).length;
}

function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}
