import { heldOutRows, type Column, type Terms } from '../../catalog/manifest.js';
import { amountOf, formatWei, isWeighbridgeError, offerFromJson, type Network } from '../../kernel/index.js';
import type { Dataset } from '../api/schemas.js';
import type { Cli } from '../cli.js';
import { Reported } from '../ui/reported.js';
import { declaredText } from '../ui/declared-text.js';
import type { Colours } from '../ui/ui.js';
import { facts, table } from '../ui/table.js';
import { bytes, counted, plain, plainLines, shortId, time } from '../ui/text.js';
import { modelToTry } from '../train/model-to-try.js';
import { checkDataset } from './check-dataset.js';

const SHOWN_COLUMNS = 8;

export interface ShowOptions {
  columns?: boolean;
  croissant?: boolean;
  dcat?: boolean;
}

/** Shows one dataset, checked. A dataset that does not hold is shown as well, with what is wrong, and the command fails. */
export async function show(cli: Cli, id: string, options: ShowOptions): Promise<void> {
  const [network, api] = await Promise.all([cli.network(), cli.api()]);
  const dataset = await api.dataset(id);
  if (options.croissant === true || options.dcat === true) return describe(cli, network, dataset, options);
  const problem = await checkDataset(dataset, network, await cli.adapters.chainReader(network)).then(
    () => undefined,
    (error: unknown) => {
      if (isWeighbridgeError(error) && !error.retryable) return error;
      throw error;
    },
  );
  const verdict = { checked: problem === undefined, problem: problem?.message ?? null };
  cli.ui.result({ ...dataset, ...verdict }, () => lines(dataset, network, cli.ui.out, options, problem?.message));
  if (problem !== undefined) throw new Reported(problem);
}

/** The dataset for other catalogues. Only one that holds: others would believe it. @throws WeighbridgeError as `checkDataset` */
async function describe(cli: Cli, network: Network, dataset: Dataset, { dcat }: ShowOptions): Promise<void> {
  await checkDataset(dataset, network, await cli.adapters.chainReader(network));
  const { croissantOf, dcatOf } = await import('../../catalog/descriptions.js');
  const listing = { ...dataset, listedAt: new Date(dataset.listedAt), apiUrl: network.apiUrl };
  const description = dcat === true ? dcatOf(listing) : croissantOf(listing);
  cli.ui.result(description, () => [JSON.stringify(description, null, 2)]);
}

function lines(dataset: Dataset, network: Network, out: Colours, options: ShowOptions, problem?: string): string[] {
  const { manifest, terms, offer } = dataset;
  const stored = manifest.pieces.reduce((sum, piece) => sum + piece.sizeBytes, 0);
  const validUntil = time(new Date(Number(offer.validUntil) * 1000).toISOString());
  return [
    out.bold(plain(dataset.title)),
    ...(dataset.description === '' ? [] : plainLines(dataset.description)),
    '',
    ...facts([
      ['dataset', dataset.id],
      ['version', String(dataset.version)],
      ['seller', dataset.seller],
      [
        'price',
        `${out.bold(formatWei(dataset.priceWei))} USDFC a training run, of which ${formatWei(BigInt(offer.nodeFee))} to the node; offer stands until ${validUntil}`,
      ],
      ['rows', `${rowsOf(dataset)} in ${counted(manifest.pieces.length, 'piece')} of ciphertext, ${bytes(stored)}`],
      [
        'trained on by',
        offer.operators
          .map((one) => (same(one, network.operator) ? `${one} (this network's operator)` : one))
          .join(', '),
      ],
      [
        'in the log',
        `index ${dataset.logIndex}, ${time(dataset.listedAt)}; ${counted(dataset.accessCount, 'training access', 'training accesses')} so far`,
      ],
      ...(dataset.tags.length === 0 ? [] : ([['tags', plain(dataset.tags.join(', '))]] as [string, string][])),
      [
        'checked',
        problem === undefined ? out.green('digests, seller\u2019s signature and chain agree') : out.red(problem),
      ],
    ]),
    '',
    out.bold(`Columns (${manifest.columns.length})`),
    ...columnLines(dataset, out, options.columns === true),
    '',
    out.bold(`Terms: ${plain(terms.title)}`),
    ...plainLines(terms.text),
    `  Purposes: ${terms.purposes.map((purpose) => `"${plain(purpose)}"`).join(', ')}`,
    `  A licence lasts ${counted(terms.licenceDays, 'day')}.`,
    ...privacyLines(dataset),
    '',
    `Try next: weighbridge train --dataset ${shortId(dataset.id)} ${modelToTry(dataset)}${epsilonOption(terms)} --out weights.safetensors`,
  ];
}

function rowsOf({ rowCount, manifest }: Dataset): string {
  const heldOut = heldOutRows(manifest.pieces);
  return heldOut === 0 ? String(rowCount) : `${rowCount} to train on and ${heldOut} held out for metrics,`;
}

/** What `train` must be given where the terms allow nothing else. */
function epsilonOption({ privacy: { budget, trainingWithoutPrivacy } }: Terms): string {
  return budget === undefined || trainingWithoutPrivacy === true ? '' : ` --epsilon ${budget.maxEpsilonPerJob}`;
}

function privacyLines({ id, offer, terms: { privacy } }: Dataset): string[] {
  const { budget, trainingWithoutPrivacy } = privacy;
  return [
    budget === undefined
      ? '  Privacy: no budget is sold.'
      : `  Privacy: a run takes epsilon ${budget.maxEpsilonPerJob} at most, ${budget.pricePerEpsilon} USDFC for each; all runs together ${budget.epsilon}, at delta ${budget.delta}${budget.unitColumn === undefined ? '' : `, of all rows of one "${plain(budget.unitColumn)}" together`} (weighbridge privacy quote --dataset ${shortId(id)}).`,
    trainingWithoutPrivacy === true
      ? `  Training without privacy is allowed, for ${formatWei(amountOf(offerFromJson(offer), 0n))} USDFC a run.`
      : '  Training without privacy is refused: give "train" an --epsilon.',
  ];
}

function columnLines({ manifest, label }: Dataset, out: Colours, all: boolean): string[] {
  const shown = all ? manifest.columns : summary(manifest.columns, label);
  const rows = shown.map((column) => [
    `  ${plain(column.name)}${column.name === label ? out.cyan(' (label)') : ''}`,
    column.type,
    declaredText(column) ?? out.dim('nothing declared'),
  ]);
  const hidden = manifest.columns.length - shown.length;
  return [...table(rows), ...(hidden > 0 ? [out.dim(`  and ${hidden} more: --columns lists them all`)] : [])];
}

/** The first few, and the label wherever it stands. */
function summary(columns: Column[], label: string | null): Column[] {
  const first = columns.slice(0, SHOWN_COLUMNS);
  const labelled = columns.find((column) => column.name === label);
  return labelled === undefined || first.includes(labelled) ? first : [...first, labelled];
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
