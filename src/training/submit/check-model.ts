import { Injectable } from '@nestjs/common';
import { amountOf, jsonDigest, type Bytes32 } from '../../kernel/index.js';
import { FindDataset } from '../../catalog/index.js';
import type { Manifest } from '../../catalog/manifest.js';
import { assertAllowed, type Viewer } from '../../identity/index.js';
import { BlobStore, parseInput } from '../../platform/index.js';
import { tokenizersOf } from '../declaration/features.js';
import { checkFit } from '../fit.js';
import { declarationSchema, epsilonMicrosOfRun, type ModelDeclaration } from '../model-declaration.js';
import { checkPrivacyTerms } from '../private-run.js';

/** What an order for a model has to say of it. */
export interface CheckedModel {
  jobDigest: Bytes32;
  epsilonMicros: bigint;
  priceWei: bigint;
}

/** Holds a model against a dataset: what `submitJob` would refuse, when the money is in escrow already, is known before. */
@Injectable()
export class CheckModel {
  constructor(
    private readonly datasets: FindDataset,
    private readonly blobs: BlobStore,
  ) {}

  /**
   * Before an order is paid. Changes nothing.
   * @throws WeighbridgeError UNAUTHENTICATED, BAD_INPUT, DATASET_NOT_FOUND, BLOB_NOT_FOUND, MODEL_REJECTED,
   *   MODEL_DOES_NOT_FIT, PRIVACY_REFUSED
   */
  async run(viewer: Viewer | undefined, keyId: Bytes32, given: unknown): Promise<CheckedModel> {
    assertAllowed(viewer, 'job.submit', { buyer: viewer?.address });
    const declaration = parseInput('declaration', declarationSchema, given);
    const { manifest, offer, terms } = await this.datasets.byKeyId(keyId);
    checkPrivacyTerms(declaration, terms.privacy);
    await this.assertFits(manifest, declaration);
    const epsilonMicros = epsilonMicrosOfRun(declaration);
    return { jobDigest: `0x${jsonDigest(declaration)}`, epsilonMicros, priceWei: amountOf(offer, epsilonMicros) };
  }

  /** Its files, by their digests, with a dataset's columns. @throws WeighbridgeError BLOB_NOT_FOUND, MODEL_REJECTED, MODEL_DOES_NOT_FIT */
  async assertFits(manifest: Manifest, declaration: ModelDeclaration): Promise<void> {
    const { graph, weights, features } = declaration;
    const read = async (digest: string): Promise<Uint8Array> => this.blobs.read(digest);
    const tokenizers = Promise.all(tokenizersOf(features).map(read));
    checkFit(manifest, declaration, ...(await Promise.all([read(graph), read(weights), tokenizers])));
  }
}
