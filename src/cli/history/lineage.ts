import { WeighbridgeError, type Bytes32 } from '../../kernel/index.js';
import { fromBase64, keyIdOfRecord, weightsOfRecord, type LogEntry } from '../../provenance/index.js';
import { verifyRecordInLog, type Trust } from '../../provenance/verify/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { ModelPage } from '../api/schemas.js';
import type { Cli } from '../cli.js';
import { counted, shortId } from '../ui/text.js';
import { readTrust } from '../verify/read-files.js';

/** One model, as its verified records tell it. */
export interface Model {
  weights: string;
  initialWeights: string | undefined;
  keyId: Bytes32;
  records: { index: number; type: LogEntry['type'] }[];
}

/** A subject's models both ways. */
export interface Line {
  /** Of weights: the model itself and what is behind it, newest last. Of a dataset: the models trained on it, oldest first. */
  models: Model[];
  /** Models trained from those, and from these, however deep; each after the one that it began with. */
  descendants: Model[];
}

/** Shows what weights came of and what came of them, or what came of a dataset; each record verified. */
export async function lineage(cli: Cli, subject: string, options: { trust?: string }): Promise<void> {
  const { trust, from } = await readTrust(cli, options.trust);
  const { models, descendants } = await readLineage(await cli.api(), subject, trust);
  const made = new Set([...models, ...descendants].map(({ weights }) => weights));
  const lines = (list: Model[]): string[] =>
    list.flatMap((model) => [
      `${cli.ui.out.bold(model.weights)}  on dataset ${shortId(model.keyId)}`,
      `  began with ${model.initialWeights ?? 'nothing named'}${made.has(model.initialWeights ?? '') ? ', a model of this list' : ''}`,
      `  records ${model.records.map(({ index, type }) => `${type} ${index}`).join(', ')}`,
    ]);
  cli.ui.result({ subject, trust: from, models, descendants }, () => [
    models.length === 0 ? 'No run in the log made it.' : `${counted(models.length, 'model')}, newest last`,
    '',
    ...lines(models),
    ...(descendants.length === 0
      ? ['Nothing was trained from it.']
      : ['', `${counted(descendants.length, 'model')} trained from it, newest last`, '', ...lines(descendants)]),
    '',
    `Every record is in the log and signed by its party, by the keys of ${from}.`,
  ]);
}

type Api = Pick<MarketApi, 'dataset' | 'lineage'>;

/**
 * Asks the marketplace, and believes the records alone: that the run's parts belong together, and which weights it began with, is
 * read from what was verified.
 * @throws WeighbridgeError BAD_INPUT, DATASET_NOT_FOUND, PROOF_INVALID, BAD_SIGNATURE
 */
export async function readLineage(api: Api, subject: string, trust: Trust): Promise<Line> {
  const of = await subjectOf(api, subject);
  const models = await readPages(api, of, trust);
  if ('dataset' in of) {
    if (models.some(({ keyId }) => keyId !== of.dataset)) throw notALine('a model of another dataset');
    return {
      models,
      descendants: await readDescendants(
        api,
        models.map(({ weights }) => weights),
        trust,
      ),
    };
  }
  assertLine(models, of.weights);
  return { models: models.reverse(), descendants: await readDescendants(api, [of.weights], trust) };
}

async function readPages(api: Api, of: Parameters<Api['lineage']>[0], trust: Trust): Promise<Model[]> {
  const models: Model[] = [];
  let after: string | undefined;
  do {
    const page: ModelPage = await api.lineage(of, after);
    for (const node of page.nodes) models.push(await verifiedModel(node.records, trust));
    after = page.pageInfo.hasNextPage ? (page.pageInfo.endCursor ?? undefined) : undefined;
  } while (after !== undefined);
  return models;
}

/** What came of any of these weights. Whatever one of them led to was followed to its end: it is not asked about again. */
async function readDescendants(api: Api, roots: readonly string[], trust: Trust): Promise<Model[]> {
  const found = new Map<string, Model>();
  for (const weights of roots) {
    if (found.has(weights)) continue;
    const known = new Set([weights]);
    for (const model of await readPages(api, { weights, forward: true }, trust)) {
      if (!known.has(model.initialWeights ?? '')) throw notALine('a model that did not begin with one of the others');
      known.add(model.weights);
      found.set(model.weights, model);
    }
  }
  return [...found.values()].filter(({ weights }) => !roots.includes(weights)).sort(byCompletion);
}

/** In the order of the log: a model is logged before another can begin with it. */
function byCompletion(a: Model, b: Model): number {
  const at = ({ records }: Model): number => records.find(({ type }) => type === 'training-completed')?.index ?? 0;
  return at(a) - at(b);
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
