import { licenceUrl, manifestUrl, type DescribedListing } from './croissant.js';

/**
 * The listing as DCAT 3 JSON-LD (w3.org/TR/vocab-dcat-3): one dataset, one distribution a ciphertext piece with its piece CID
 * as checksum, and the licence. No row and no value of one is in it.
 */
export function dcatOf(listing: DescribedListing): Record<string, unknown> {
  const { id, version, seller, manifest, terms, listedAt } = listing;
  const self = manifestUrl(listing);
  const licence = { '@id': licenceUrl(listing) };
  return {
    '@context': {
      dcat: 'http://www.w3.org/ns/dcat#',
      dct: 'http://purl.org/dc/terms/',
      foaf: 'http://xmlns.com/foaf/0.1/',
      odrl: 'http://www.w3.org/ns/odrl/2/',
      spdx: 'http://spdx.org/rdf/terms#',
      xsd: 'http://www.w3.org/2001/XMLSchema#',
    },
    '@id': self,
    '@type': 'dcat:Dataset',
    'dct:identifier': id,
    'dct:title': manifest.title,
    'dct:description': manifest.description === '' ? manifest.title : manifest.description,
    'dct:issued': { '@value': listedAt.toISOString(), '@type': 'xsd:dateTime' },
    'dct:publisher': { '@id': `did:pkh:eip155:1:${seller}`, '@type': 'foaf:Agent', 'foaf:name': seller },
    'dct:license': licence,
    'dct:rights': `${terms.title}. Purposes: ${terms.purposes.join('; ')}.`,
    'dct:accessRights': { '@id': 'http://publications.europa.eu/resource/authority/access-right/RESTRICTED' },
    'dcat:version': String(version),
    'dcat:keyword': manifest.tags,
    'dcat:landingPage': { '@id': self },
    'dcat:distribution': manifest.pieces.map((piece, number) => ({
      '@id': `${self}#piece-${number}`,
      '@type': 'dcat:Distribution',
      'dct:title': `Ciphertext of ${piece.rowCount} rows`,
      'dct:identifier': piece.pieceCid,
      'dct:license': licence,
      'dcat:accessURL': { '@id': self },
      'dcat:downloadURL': { '@id': `ipfs://${piece.pieceCid}` },
      'dcat:byteSize': { '@value': String(piece.sizeBytes), '@type': 'xsd:nonNegativeInteger' },
      'dcat:mediaType': { '@id': 'https://www.iana.org/assignments/media-types/application/octet-stream' },
      'spdx:checksum': {
        '@type': 'spdx:Checksum',
        'spdx:algorithm': { '@id': 'https://github.com/filecoin-project/FIPs/blob/master/FRCs/frc-0069.md' },
        'spdx:checksumValue': piece.pieceCid,
      },
    })),
  };
}
