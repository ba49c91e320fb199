import { Controller, Get, Header, Param, Req } from '@nestjs/common';
import { canonicalJson, WeighbridgeError } from '../kernel/index.js';
import { Requires } from '../identity/index.js';
import { croissantOf, type DescribedListing } from './croissant.js';
import { DatasetRepository } from './dataset.repository.js';
import { dcatOf } from './dcat.js';
import { FindDataset } from './find-dataset.js';

/** A digest names these bytes for ever. */
const IMMUTABLE = 'public, max-age=31536000, immutable';

/**
 * Manifests and terms by their SHA-256, exactly the bytes that were hashed, and listings in the words of other catalogues.
 * Public.
 */
@Controller()
export class CatalogController {
  constructor(
    private readonly datasets: DatasetRepository,
    private readonly find: FindDataset,
  ) {}

  @Requires('dataset.read')
  @Get('datasets/:id/croissant.json')
  @Header('content-type', 'application/ld+json')
  async croissant(@Param('id') id: string, @Req() request: Addressed): Promise<string> {
    return JSON.stringify(croissantOf(await this.described(id, request)));
  }

  @Requires('dataset.read')
  @Get('datasets/:id/dcat.json')
  @Header('content-type', 'application/ld+json')
  async dcat(@Param('id') id: string, @Req() request: Addressed): Promise<string> {
    return JSON.stringify(dcatOf(await this.described(id, request)));
  }

  @Requires('dataset.read')
  @Get('manifests/:digest')
  @Header('content-type', 'application/json')
  @Header('cache-control', IMMUTABLE)
  async manifest(@Param('digest') digest: string): Promise<string> {
    return found('manifest', digest, await this.datasets.findManifest(checked(digest)));
  }

  @Requires('dataset.read')
  @Get('terms/:digest')
  @Header('content-type', 'application/json')
  @Header('cache-control', IMMUTABLE)
  async terms(@Param('digest') digest: string): Promise<string> {
    return found('terms', digest, await this.datasets.findTerms(`0x${checked(digest)}`));
  }

  private async described(id: string, { protocol, host }: Addressed): Promise<DescribedListing> {
    const dataset = await this.find.byPrefix(id);
    if (dataset === undefined) {
      throw new WeighbridgeError('DATASET_NOT_FOUND', `no dataset is listed as ${id.slice(0, 66)}`, {
        next: 'Search for it with the query datasets.',
      });
    }
    return { ...dataset, id: dataset.keyId, version: dataset.manifest.datasetVersion, apiUrl: `${protocol}://${host}` };
  }
}

/** Of an HTTP request: where its sender found this API. */
interface Addressed {
  protocol: string;
  host: string;
}

function checked(digest: string): string {
  if (/^[0-9a-f]{64}$/.test(digest)) return digest;
  throw new WeighbridgeError('BAD_INPUT', 'not a SHA-256 digest', { next: 'Give 64 lower-case hex digits.' });
}

function found(what: string, digest: string, value: unknown): string {
  if (value !== undefined) return canonicalJson(value);
  throw new WeighbridgeError('BLOB_NOT_FOUND', `no ${what} with digest ${digest}`, {
    next: 'Take the digest from a listed dataset.',
    details: { digest },
  });
}
