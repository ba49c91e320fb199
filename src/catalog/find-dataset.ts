import { Injectable } from '@nestjs/common';
import type { Bytes32, Offer } from '../kernel/index.js';
import { idRange } from '../platform/index.js';
import { batchByRequest, type Page, type PageRequest } from '../platform/graphql/index.js';
import { ambiguousId, datasetNotFound } from './catalog.errors.js';
import { DatasetRepository } from './dataset.repository.js';
import type { Dataset, ListedOffer } from './dataset.js';
import { shardIdOf, type Terms } from './manifest.js';

const MAX_SEARCH_CHARS = 200;

/** Reads of the catalog, for everyone. */
@Injectable()
export class FindDataset {
  /** For the rows of a page, fetched together. @param request - the object that stands for the request */
  readonly batched = batchByRequest<Bytes32, Dataset>((keyIds) => this.datasets.findMany(keyIds));

  constructor(private readonly datasets: DatasetRepository) {}

  /** @throws WeighbridgeError DATASET_NOT_FOUND */
  async byKeyId(keyId: Bytes32): Promise<Dataset> {
    const dataset = await this.datasets.find(keyId);
    if (dataset === undefined) throw datasetNotFound(keyId);
    return dataset;
  }

  /** @throws WeighbridgeError BAD_INPUT if it is no prefix, or one of several ids */
  async byPrefix(prefix: string): Promise<Dataset | undefined> {
    const { low, high } = idRange(prefix);
    const [dataset, other] = await this.datasets.findBetween(low, high);
    if (other !== undefined) throw ambiguousId(prefix);
    return dataset;
  }

  /** An offer that counts now or counted once. */
  async offer(digest: Bytes32): Promise<ListedOffer | undefined> {
    return this.datasets.findOffer(digest);
  }

  /** Terms that an offer named once. @throws WeighbridgeError DATASET_NOT_FOUND */
  async terms(digest: Bytes32): Promise<Terms> {
    const terms = await this.datasets.findTerms(digest);
    if (terms === undefined) throw datasetNotFound(digest);
    return terms;
  }

  /** Shard ids of every listed version of a dataset, oldest version first. */
  async shardsOfVersions({ seller, datasetId }: Pick<Offer, 'seller' | 'datasetId'>): Promise<string[][]> {
    const versions = await this.datasets.findVersions(seller, datasetId);
    return versions.map(({ manifest }) => manifest.pieces.map(shardIdOf));
  }

  async search(search: string | undefined, page: PageRequest): Promise<Page<Dataset>> {
    // PostgreSQL text holds no NUL; a longer question finds nothing more.
    const text = search?.replaceAll('\0', '').trim().slice(0, MAX_SEARCH_CHARS);
    return this.datasets.search(text === '' ? undefined : text, page);
  }
}
