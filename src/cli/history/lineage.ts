import { WeighbridgeError, type Bytes32 } from '../../kernel/index.js';
import { fromBase64, keyIdOfRecord, weightsOfRecord, type LogEntry } from '../../provenance/index.js';
import { verifyRecordInLog, type Trust } from '../../provenance/verify/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { ModelPage } from '../api/schemas.js';
import type { Cli } from '../cli.js';
import { shortId } from '../ui/text.js';
import { readTrust } from '../verify/read-files.js';

/** One model, as its verified records tell it. */
export interface Model {
  weights: string;
  initialWeights: string | undefined;
  keyId: Bytes32;
  records: { index: number; type: LogEntry['type'] }[];
}

/** Shows what weights came of, or what came of a dataset; each record verified. */
export async function lineage(cli: Cli, subject: string, options: { trust?: string }): Promise<void> {
  const { trust, from } = await readTrust(cli, options.trust);
  const models = await readLineage(await cli.api(), subject, trust);
  const made = new Set(models.map(({ weights }) => weights));
  cli.ui.result({ subject, trust: from, models }, () => [
    models.length === 0 ? 'No run in the log has to do with it.' : `${models.length} models, newest last`,
    '',
    ...models.flatMap((model) => [
      `${cli.ui.out.bold(model.weights)}  on dataset ${shortId(model.keyId)}`,
      `  began with ${model.initialWeights ?? 'nothing named'}${made.has(model.initialWeights ?? '') ? ', a model above' : ''}`,
      `  records ${model.records.map(({ index, type }) => `${type} ${index}`).join(', ')}`,
    ]),
    '',
    `Every record is in the log and signed by its party, by the keys of ${from}.`,
  ]);
}

/**
 * Asks the marketplace, and believes the records alone: that the run's parts belong together, and which weights it began with, is
 * read from what was verified.
 * @throws WeighbridgeError BAD_INPUT, DATASET_NOT_FOUND, PROOF_INVALID, BAD_SIGNATURE
 */
export async function readLineage(
  api: Pick<MarketApi, 'dataset' | 'lineage'>,
  subject: string,
  trust: Trust,
): Promise<Model[]> {
  const of = await subjectOf(api, subject);
  const models: Model[] = [];
  let after: string | undefined;
  do {
    const page: ModelPage = await api.lineage(of, after);
    for (const node of page.nodes) models.push(await verifiedModel(node.records, trust));
    after = page.pageInfo.hasNextPage ? (page.pageInfo.endCursor ?? undefined) : undefined;
  } while (after !== undefined);
  if ('dataset' in of) return models;
  assertLine(models, of.weights);
  return models.reverse();
}

async function subjectOf(
  api: Pick<MarketApi, 'dataset'>,
  subject: string,
): Promise<{ weights: string } | { dataset: Bytes32 }> {
  if (/^[0-9a-f]{64}$/i.test(subject)) return { weights: subject.toLowerCase() };
  return { dataset: (await api.dataset(subject)).id };
}

async function verifiedModel(records: { entry: string; proof: string }[], trust: Trust): Promise<Model> {
  const verified = [];
  for (const { entry, proof } of records) verified.push(await verifyRecordInLog(fromBase64(entry), proof, trust));
  const completion = verified.find(({ entry }) => entry.type === 'training-completed');
  const { weights, initialWeights } = completion === undefined ? {} : weightsOfRecord(completion.entry);
  if (completion === undefined || weights === undefined)
    throw notALine('a model without its training-completed record');
  const keyId = keyIdOfRecord(completion.entry);
  if (verified.some(({ entry }) => keyIdOfRecord(entry) !== keyId)) throw notALine('a record of another dataset');
  return { weights, initialWeights, keyId, records: verified.map(({ index, entry }) => ({ index, type: entry.type })) };
}

/** Each model must be the one asked for, or what another of them began with. */
function assertLine(models: Model[], weights: string): void {
  const wanted = new Set([weights, ...models.map(({ initialWeights }) => initialWeights)]);
  if (models.some((model) => !wanted.has(model.weights))) throw notALine('a model that none of the others began with');
}

function notALine(detail: string): WeighbridgeError {
  return new WeighbridgeError('PROOF_INVALID', `the marketplace answered with ${detail}`, {
    next: 'Do not rely on this answer; read the log itself with "weighbridge audit".',
  });
}
