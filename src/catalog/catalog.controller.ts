import { Controller, Get, Header, Param } from '@nestjs/common';
import { canonicalJson, WeighbridgeError } from '../kernel/index.js';
import { Requires } from '../identity/index.js';
import { DatasetRepository } from './dataset.repository.js';

/** A digest names these bytes for ever. */
const IMMUTABLE = 'public, max-age=31536000, immutable';

/** Manifests and terms by their SHA-256, exactly the bytes that were hashed. Public. */
@Controller()
export class CatalogController {
  constructor(private readonly datasets: DatasetRepository) {}

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
