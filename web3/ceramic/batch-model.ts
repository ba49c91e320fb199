import { Model, type ModelDefinition } from '@ceramicnetwork/stream-model';
import type { StreamID } from '@ceramicnetwork/streamid';
import type { CeramicClient } from '@ceramicnetwork/http-client';
import { MAX_NOTE_CHARS, MAX_RECORDS_PER_BATCH } from '../../src/provenance/relay/record-batch.js';
import { MAX_RECORDS_CHARS } from './batch-content.js';

const text = (maxLength: number) => ({ type: 'string', maxLength }) as const;

/**
 * What Ceramic nodes accept as a batch. The `set` relation makes (controller, keyId, seq) name one document for ever:
 * publishing a batch again finds the document of the first time.
 */
export const BATCH_MODEL: ModelDefinition = {
  name: 'WeighbridgeRecordBatch',
  description: 'Log indexes and leaf hashes of the provenance records of one dataset version.',
  version: '2.0',
  interface: false,
  implements: [],
  immutableFields: [],
  accountRelation: { type: 'set', fields: ['keyId', 'seq'] },
  schema: {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: {
      keyId: text(66),
      seq: { type: 'integer', minimum: 1 },
      count: { type: 'integer', minimum: 1, maximum: MAX_RECORDS_PER_BATCH },
      records: text(MAX_RECORDS_CHARS),
      previous: text(200),
      from: text(40),
      to: text(40),
      origin: text(255),
      checkpoint: text(MAX_NOTE_CHARS),
    },
    required: ['keyId', 'seq', 'count', 'records', 'from', 'to', 'origin', 'checkpoint'],
    additionalProperties: false,
  },
};

/** Creates the model, or finds it: the same controller signs the same bytes, which have the same stream id. */
export async function createBatchModel(client: CeramicClient): Promise<StreamID> {
  return (await Model.create(client, BATCH_MODEL)).id;
}
