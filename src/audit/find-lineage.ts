import { Injectable } from '@nestjs/common';
import { WeighbridgeError, type Bytes32 } from '../kernel/index.js';
import { batchByRequest, type Page, type PageRequest } from '../platform/graphql/index.js';
import type { IndexedRecord } from '../provenance/index.js';
import { FindRecords } from './find-records.js';
import { LineageRepository } from './lineage.repository.js';
import { RecordRepository } from './record.repository.js';

const ONE: PageRequest = { first: 1, after: undefined };

/** What a line is asked of. */
interface LineageOf {
  weights?: string | undefined;
  dataset?: Bytes32 | undefined;
  forward?: boolean;
}

/** Which models came of what, by the log. */
@Injectable()
export class FindLineage {
  private readonly ofJob = batchByRequest<Bytes32, IndexedRecord[]>((jobs) => this.records.ofJobs(jobs));
  private readonly issued = batchByRequest<Bytes32, IndexedRecord>((ids) => this.records.licencesIssued(ids));

  constructor(
    private readonly find: FindRecords,
    private readonly records: RecordRepository,
    private readonly lineage: LineageRepository,
  ) {}

  /**
   * From weights back: the run that made them and the run behind each model before them; or forward, the runs that began with
   * them or with what came of them. From a dataset: the runs on it.
   * @throws WeighbridgeError BAD_INPUT unless exactly one is given, LOG_UNAVAILABLE
   */
  async of({ weights, dataset, forward = false }: LineageOf, page: PageRequest): Promise<Page<IndexedRecord>> {
    if (dataset !== undefined && weights === undefined) {
      return this.find.ofDataset(dataset, { type: 'training-completed' }, page);
    }
    if (dataset !== undefined || weights === undefined || !/^[0-9a-f]{64}$/.test(weights)) {
      throw new WeighbridgeError('BAD_INPUT', 'lineage asks for weights or for a dataset, and for one of them', {
        next: 'Give weights (64 hex digits, no 0x) or dataset.',
      });
    }
    await this.find.catchUp();
    return forward ? this.lineage.descendants(weights, page) : this.lineage.ancestors(weights, page);
  }

  /** Models that began with these weights, or with a model that did. */
  async descendants(weights: string, page: PageRequest): Promise<Page<IndexedRecord>> {
    return this.lineage.descendants(weights, page);
  }

  /** Every record behind one run: the listing, the licence, and all that names the job; in the order of the log. */
  async recordsBehind(request: object, keyId: Bytes32, job: Bytes32): Promise<IndexedRecord[]> {
    const ofJob = (await this.ofJob(request, job)) ?? [];
    const licence = ofJob.find((record) => record.licence !== undefined)?.licence;
    const issued = licence === undefined ? undefined : await this.issued(request, licence);
    const listings = await this.records.ofDataset(keyId, { type: 'dataset-listed' }, ONE);
    const before = [...listings.rows.map(({ node }) => node), ...(issued === undefined ? [] : [issued])];
    return [...before, ...ofJob].sort((a, b) => a.index - b.index);
  }
}
