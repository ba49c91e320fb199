import { CID } from 'multiformats/cid';
import { toHex } from '../kernel/index.js';
import { croissantUrl, licenceUrl, manifestUrl, type DescribedListing } from './croissant.js';

/** fr32-sha2-256-trunc254-padded-binary-tree. */
const FRC_0069 = 'https://github.com/filecoin-project/FIPs/blob/master/FRCs/frc-0069.md';

/**
 * The listing as DCAT 3 JSON-LD (w3.org/TR/vocab-dcat-3): one dataset, one distribution a ciphertext piece with the root of
 * its piece CID as checksum, and the licence. No row and no value of one is in it. Whatever is named has its class beside it: the shapes of
 * DCAT-AP 3 ask for that, and a reader needs to fetch nothing.
 */
export function dcatOf(listing: DescribedListing): Record<string, unknown> {
  const { id, version, seller, manifest, terms, listedAt } = listing;
  const self = manifestUrl(listing);
  const { chainId } = manifest.wrappedKey.condition; // where the seller's account and its offer are
  const licence = { '@id': licenceUrl(listing), '@type': 'dct:LicenseDocument' };
  return {
    '@context': {
      dcat: 'http://www.w3.org/ns/dcat#',
      dct: 'http://purl.org/dc/terms/',
      foaf: 'http://xmlns.com/foaf/0.1/',
      rdfs: 'http://www.w3.org/2000/01/rdf-schema#',
      spdx: 'http://spdx.org/rdf/terms#',
      xsd: 'http://www.w3.org/2001/XMLSchema#',
    },
    '@id': self,
    '@type': 'dcat:Dataset',
    'dct:identifier': id,
    'dct:title': manifest.title,
    'dct:description': manifest.description === '' ? manifest.title : manifest.description,
    'dct:issued': { '@value': listedAt.toISOString(), '@type': 'xsd:dateTime' },
    'dct:publisher': { '@id': `did:pkh:eip155:${chainId}:${seller}`, '@type': 'foaf:Agent', 'foaf:name': seller },
    'dct:license': licence,
    'dct:rights': {
      '@type': 'dct:RightsStatement',
      'rdfs:label': `${terms.title}. Purposes: ${terms.purposes.join('; ')}.`,
    },
    'dct:accessRights': {
      '@id': 'http://publications.europa.eu/resource/authority/access-right/RESTRICTED',
      '@type': 'dct:RightsStatement',
    },
    'dcat:version': String(version),
    'dcat:keyword': manifest.tags,
    'dcat:landingPage': { '@id': croissantUrl(listing), '@type': 'foaf:Document' },
    'dcat:distribution': manifest.pieces.map((piece, number) => ({
      '@id': `${self}#piece-${number}`,
      '@type': 'dcat:Distribution',
      'dct:title': `Ciphertext of ${piece.rowCount} rows`,
      'dct:identifier': piece.pieceCid,
      'dct:license': licence,
      'dcat:accessURL': resource(croissantUrl(listing)),
      'dcat:downloadURL': resource(`ipfs://${piece.pieceCid}`),
      'dcat:byteSize': { '@value': String(piece.sizeBytes), '@type': 'xsd:nonNegativeInteger' },
      'dcat:mediaType': {
        '@id': 'https://www.iana.org/assignments/media-types/application/octet-stream',
        '@type': 'dct:MediaType',
      },
      ...checksumOf(piece.pieceCid),
    })),
  };
}

/** The root of a piece's Merkle tree, the last 32 bytes of its CID (FRC-0069), in hex as DCAT 3 asks. Nothing for a CID that is none. */
function checksumOf(pieceCid: string): Record<string, unknown> {
  try {
    const root = CID.parse(pieceCid).multihash.digest.slice(-32);
    return {
      'spdx:checksum': {
        '@type': 'spdx:Checksum',
        'spdx:algorithm': { '@id': FRC_0069, '@type': 'spdx:ChecksumAlgorithm' },
        'spdx:checksumValue': { '@value': toHex(root), '@type': 'xsd:hexBinary' },
      },
    };
  } catch {
    return {};
  }
}

function resource(url: string): Record<string, string> {
  return { '@id': url, '@type': 'rdfs:Resource' };
}
