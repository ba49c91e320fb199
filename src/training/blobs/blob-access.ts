import { Injectable } from '@nestjs/common';
import type { Readable } from 'node:stream';
import { WeighbridgeError } from '../../kernel/index.js';
import { assertAllowed, isAllowed, type Viewer } from '../../identity/index.js';
import { blobNotFound, BlobStore, type StoredBlob } from '../../platform/index.js';
import { MAX_WEIGHTS_BYTES } from '../fit.js';
import { JobQueries } from '../job.queries.js';
import { BlobUploadRepository } from './blob-upload.repository.js';

/** What one address may keep here. A disk is finite, and a session costs nothing. */
const QUOTA_BYTES = 8n * 1024n * 1024n * 1024n;

/** Model files on their way in, and encrypted weights on their way out. */
@Injectable()
export class BlobAccess {
  constructor(
    private readonly store: BlobStore,
    private readonly uploads: BlobUploadRepository,
    private readonly jobs: JobQueries,
  ) {}

  /**
   * @param announcedBytes - the content-length, if there is one: what is too large need not be sent first
   * @throws WeighbridgeError UNAUTHENTICATED, BAD_INPUT, TOO_LARGE, DIGEST_MISMATCH, DISK_FULL
   */
  async put(
    viewer: Viewer | undefined,
    digest: string,
    source: AsyncIterable<Uint8Array>,
    announcedBytes: number | undefined,
  ): Promise<StoredBlob> {
    assertAllowed(viewer, 'blob.write');
    if ((announcedBytes ?? 0) > MAX_WEIGHTS_BYTES) {
      throw new WeighbridgeError('TOO_LARGE', `a blob holds at most ${MAX_WEIGHTS_BYTES} bytes`, {
        next: 'Send a smaller model.',
        details: { maxBytes: MAX_WEIGHTS_BYTES },
      });
    }
    if ((await this.uploads.bytesOf(viewer.address)) > QUOTA_BYTES) {
      throw new WeighbridgeError('TOO_LARGE', 'this address keeps as much here as it may', {
        next: 'Use the models that are here already, or another address.',
        details: { quotaBytes: QUOTA_BYTES.toString() },
      });
    }
    const stored = await this.store.put(digest, source);
    await this.uploads.add(digest, viewer.address, stored.sizeBytes);
    return stored;
  }

  /**
   * A blob that the viewer may read: its own upload, a model of a job that it is a party of, or weights that it bought. To
   * anybody else it does not exist.
   * @throws WeighbridgeError UNAUTHENTICATED, BAD_INPUT, BLOB_NOT_FOUND
   */
  async open(viewer: Viewer | undefined, digest: string): Promise<{ sizeBytes: number; stream: Readable }> {
    if (!(await this.mayRead(viewer, digest))) throw blobNotFound(digest);
    return this.store.open(digest);
  }

  private async mayRead(viewer: Viewer | undefined, digest: string): Promise<boolean> {
    const buyers = await this.jobs.buyersOfCiphertext(digest);
    if (buyers.some((buyer) => isAllowed(viewer, 'weights.read', { buyer }))) return true;
    const uploaders = await this.uploads.uploadersOf(digest);
    if (isAllowed(viewer, 'blob.read', { uploaders })) return true;
    const parties = await this.jobs.partiesOfModel(digest);
    return parties.some((job) => isAllowed(viewer, 'blob.read', job));
  }
}
