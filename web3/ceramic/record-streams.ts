import { CeramicClient } from '@ceramicnetwork/http-client';
import { ModelInstanceDocument } from '@ceramicnetwork/stream-model-instance';
import { CommitID, StreamID } from '@ceramicnetwork/streamid';
import { DID } from 'dids';
import { Ed25519Provider } from 'key-did-provider-ed25519';
import * as KeyDidResolver from 'key-did-resolver';
import { canonicalJson, WeighbridgeError, type Bytes32 } from '../../src/kernel/index.js';
import type { LoadedBatch, PublishedBatch, RecordStreams } from '../../src/provenance/relay/ports.js';
import type { RecordBatch } from '../../src/provenance/relay/record-batch.js';
import { toContent } from './batch-content.js';
import { createBatchModel } from './batch-model.js';
import { ceramicCall } from './ceramic-call.js';
import { CommitApi } from './commit-api.js';
import { contentCommit } from './content-commit.js';
import { signingDid, type SigningDid } from './did-key.js';
import { verifyBatchStream, type OwnBatch } from './verify-batch-stream.js';

/** A publisher has the seed of the did:key; a reader names whose streams, of which model, it reads. */
export type RecordStreamsOptions =
  { url: string; seed: Uint8Array; model?: string } | { url: string; controller: string; model: string };

/** Genesis without an anchor: an anchor that lands on an older tip would silently drop the content (js-ceramic). */
const GENESIS = { anchor: false, publish: true } as const;

/**
 * Record streams over a Ceramic node's HTTP API.
 * @throws WeighbridgeError CONFIG_INVALID for a seed that is not 32 bytes
 */
export async function createRecordStreams(options: RecordStreamsOptions): Promise<RecordStreams> {
  const [client, commits] = [new CeramicClient(options.url), new CommitApi(options.url)];
  if ('controller' in options) return new CeramicRecordStreams(client, commits, options.controller, options.model);
  const signer = signingDid(options.seed);
  client.did = await didOf(options.seed);
  return new CeramicRecordStreams(client, commits, signer.did, options.model, signer);
}

/** The did:key that a relay seed controls streams as. */
export function controllerOf(seed: Uint8Array): string {
  return signingDid(seed).did;
}

class CeramicRecordStreams implements RecordStreams {
  #model: StreamID | undefined;

  constructor(
    private readonly client: CeramicClient,
    private readonly commits: CommitApi,
    readonly controller: string,
    private readonly expectedModel: string | undefined,
    private readonly signer?: SigningDid,
  ) {}

  async ensureModel(): Promise<string> {
    return (await this.model()).toString();
  }

  async publishBatch(batch: RecordBatch): Promise<PublishedBatch> {
    if (this.signer === undefined) throw new Error('a reader has no key to write with');
    const content = toContent(batch);
    const document = await this.open(batch.keyId, batch.seq);
    const commit = await contentCommit(document.id.cid, content, this.signer);
    if (isEmpty(document.content)) {
      await ceramicCall('write a batch', async (signal) => this.commits.apply(document.id, commit, signal));
    }
    // Read back and verified: a batch counts as published once the node hands out what we signed.
    const loaded = await this.verified(document.id, batch.keyId, batch.seq, { batch, commit });
    if (loaded === undefined) throw notHeld(batch);
    const isThis = loaded.batch === batch || canonicalJson(toContent(loaded.batch)) === canonicalJson(content);
    if (!isThis) throw otherContent(batch);
    return { streamId: loaded.streamId, commitId: loaded.commitId };
  }

  async loadBatch(keyId: Bytes32, seq: number): Promise<LoadedBatch | undefined> {
    const document = await this.open(keyId, seq);
    return this.verified(document.id, keyId, seq);
  }

  async readBatches(keyId: Bytes32): Promise<LoadedBatch[]> {
    const batches: LoadedBatch[] = [];
    for (;;) {
      const next = await this.loadBatch(keyId, batches.length + 1);
      if (next === undefined) return batches;
      assertFollows(batches.at(-1), next);
      batches.push(next);
    }
  }

  private async model(): Promise<StreamID> {
    this.#model ??= this.client.did === undefined ? StreamID.fromString(this.expectedModel ?? '') : await this.create();
    return this.#model;
  }

  private async create(): Promise<StreamID> {
    const model = await ceramicCall('create the model', () => createBatchModel(this.client));
    if (this.expectedModel === undefined || this.expectedModel === model.toString()) return model;
    throw new WeighbridgeError(
      'CONFIG_INVALID',
      `the relay seed makes model ${model.toString()}, not ${this.expectedModel}`,
      {
        next: 'Give the relay the seed that the deployment was set up with, or correct the model in the network file.',
      },
    );
  }

  /**
   * The document of (key id, seq), empty if nobody wrote it yet. Its genesis is unsigned and follows from what it names,
   * so a reader may hand it to the node too: that is how Ceramic looks up a document of a `set`.
   */
  private async open(keyId: Bytes32, seq: number): Promise<ModelInstanceDocument> {
    const metadata = { controller: this.controller, model: await this.model() };
    const unique = [keyId, String(seq)];
    return ceramicCall('open a batch', () => ModelInstanceDocument.set(this.client, metadata, unique, GENESIS));
  }

  private async verified(
    streamId: StreamID,
    keyId: Bytes32,
    seq: number,
    own?: OwnBatch,
  ): Promise<LoadedBatch | undefined> {
    const expected = await this.streamIdOf(keyId, seq);
    const commits = await ceramicCall('read a batch', async (signal) => this.commits.list(streamId, signal));
    const verified = await verifyBatchStream(expected.cid, this.controller, commits, own);
    if (verified === undefined) return undefined;
    if (verified.batch.keyId !== keyId || verified.batch.seq !== seq) throw otherContent({ keyId, seq });
    const commitId = CommitID.make(expected, verified.contentCid).toString();
    return { streamId: expected.toString(), commitId, batch: verified.batch, anchored: verified.anchored };
  }

  /** Computed here, not taken from the node. */
  private async streamIdOf(keyId: Bytes32, seq: number): Promise<StreamID> {
    const metadata = { controller: this.controller, model: await this.model(), deterministic: true };
    const genesis = await ModelInstanceDocument.makeGenesis(this.client, null, metadata, [keyId, String(seq)]);
    return StreamID.fromGenesis(ModelInstanceDocument.STREAM_TYPE_NAME, genesis);
  }
}

/** For Ceramic's own client, which signs the model. */
async function didOf(seed: Uint8Array): Promise<DID> {
  const did = new DID({ provider: new Ed25519Provider(seed), resolver: KeyDidResolver.getResolver() });
  await did.authenticate();
  return did;
}

function isEmpty(content: Record<string, unknown> | null): boolean {
  return content === null || Object.keys(content).length === 0;
}

function assertFollows(before: LoadedBatch | undefined, batch: LoadedBatch): void {
  if (batch.batch.previous === before?.commitId) return;
  throw new WeighbridgeError('PROOF_INVALID', `batch ${batch.batch.seq} does not name the batch before it`, {
    next: 'Do not use these streams; compare with the log.',
    details: { keyId: batch.batch.keyId, seq: batch.batch.seq },
  });
}

function notHeld(batch: RecordBatch): WeighbridgeError {
  return new WeighbridgeError('CERAMIC_UNAVAILABLE', `the node took batch ${batch.seq} and does not hold it`, {
    next: 'Publish the batch again.',
    retryable: true,
    details: { keyId: batch.keyId, seq: batch.seq },
  });
}

function otherContent({ keyId, seq }: { keyId: Bytes32; seq: number }): WeighbridgeError {
  return new WeighbridgeError('PROOF_INVALID', `the stream of batch ${seq} holds other content`, {
    next: 'Find out who else holds the relay seed, or which earlier deployment used the same one.',
    details: { keyId, seq },
  });
}
