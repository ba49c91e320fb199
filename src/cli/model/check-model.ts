import { amountOf, formatWei, isWeighbridgeError, offerFromJson, WeighbridgeError } from '../../kernel/index.js';
import type { ModelDescription } from '../../training/models.js';
import type { Dataset, PrivacyBalance } from '../api/schemas.js';
import type { Cli } from '../cli.js';
import type { TrainerEstimate } from '../ports.js';
import { priceLines, priceList, type PriceList } from '../privacy/price-list.js';
import { makeModel, type Model, type ModelOptions } from '../train/model.js';
import { sealedRows } from '../train/sealed-rows.js';
import { Reported } from '../ui/reported.js';
import { facts } from '../ui/table.js';
import { bytes, optionName, plain, shortId } from '../ui/text.js';

export interface CheckOptions extends Omit<ModelOptions, 'recipe' | 'model' | 'declaration' | 'graph' | 'weights'> {
  dataset: string;
}

/** What would come of a model on a dataset. */
export interface ModelVerdict {
  admitted: boolean;
  code?: string;
  reason?: string;
  next?: string;
  model?: ModelDescription;
  /** Absent where the trainer is not installed: then shapes inside the graph and budgets were not looked at. */
  trainer?: TrainerEstimate;
  /** What its rows take and where they lie, if that is not in memory. */
  sealedRows?: string;
  /** Of a run without privacy; null if the terms allow none. */
  priceWei: bigint | null;
  /** What each epsilon would cost; null if the terms sell none. */
  privacy?: PriceList | null;
}

/** Says before any payment what the marketplace and the trainer would say after it. */
export async function runCheckModel(cli: Cli, file: string, options: CheckOptions): Promise<void> {
  const { dataset: id, ...choices } = options;
  const api = await cli.api();
  const dataset = await api.dataset(id);
  const verdict = await judge(cli, { ...choices, model: file }, dataset, await api.privacyBalance(dataset.id));
  const again = [`--dataset ${shortId(dataset.id)} --model ${shellWord(file)}`, ...optionsOf(choices)];
  cli.ui.result(verdict, () => lines(cli, verdict, again));
  if (!verdict.admitted) throw new Reported(refusal(verdict));
}

async function judge(
  cli: Cli,
  options: ModelOptions,
  dataset: Dataset,
  balance: PrivacyBalance,
): Promise<ModelVerdict> {
  const { manifest, terms, offer } = dataset;
  const priceWei = terms.privacy.trainingWithoutPrivacy === true ? amountOf(offerFromJson(offer), 0n) : null;
  let made: Model;
  try {
    made = await makeModel(options, manifest);
  } catch (error) {
    if (!isWeighbridgeError(error) || !['MODEL_REJECTED', 'MODEL_DOES_NOT_FIT'].includes(error.code)) throw error;
    return { admitted: false, code: error.code, reason: error.message, next: error.next, priceWei };
  }
  const { describeModel } = await import('../../training/models.js');
  const model = describeModel(made.declaration, made.graph, made.weights);
  const trainer = await (await cli.adapters.modelChecker()).estimate(made, manifest.rowCount);
  const { standardiseEpsilon } = options;
  const privacy = priceList(dataset, balance, { ...made.declaration, standardiseEpsilon }) ?? null;
  if (trainer === undefined || trainer.admitted) {
    const sealed = await sealedRows(manifest, made.declaration);
    const rows = sealed === undefined ? {} : { sealedRows: sealed };
    return { admitted: true, model, ...rows, ...(trainer === undefined ? {} : { trainer }), priceWei, privacy };
  }
  const { reason, detail } = trainer;
  return { admitted: false, code: 'MODEL_REJECTED', reason: `${reason}: ${detail}`, model, trainer, priceWei, privacy };
}

/** As they were given, to be given again. */
function optionsOf(choices: Omit<CheckOptions, 'dataset'>): string[] {
  return Object.entries(choices).flatMap(([name, value]) =>
    [value].flat().map((one) => `${optionName(name)} ${shellWord(String(one))}`),
  );
}

function shellWord(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** @param options - for `train`, of what was checked */
function lines({ ui: { out } }: Cli, verdict: ModelVerdict, options: readonly string[]): string[] {
  const { model, trainer, sealedRows: rows, priceWei, privacy } = verdict;
  const head = verdict.admitted
    ? out.green(trainer === undefined ? 'Admitted, as far as can be said here.' : 'Admitted.')
    : out.red(`Refused: ${plain(verdict.reason ?? '')} (${verdict.code ?? ''})`);
  return [
    head,
    ...(verdict.next === undefined ? [] : [`next: ${verdict.next}`]),
    ...facts([
      ...modelFacts(model),
      ...trainerFacts(trainer),
      ...(rows === undefined ? [] : [['rows', rows] satisfies [string, string]]),
      [
        'price',
        priceWei === null
          ? 'the terms allow no run without privacy'
          : `${formatWei(priceWei)} USDFC a run${privacy ? ' without privacy' : ''}`,
      ],
    ]),
    ...(privacy ? ['', 'With privacy (train --epsilon):', ...priceLines(privacy, out)] : []),
    ...warnings(verdict),
    ...(verdict.admitted
      ? ['', `Try next: weighbridge train ${options.join(' ')}${epsilonOption(verdict)} --out weights.safetensors`]
      : []),
  ];
}

/** What `train` must be given where the terms allow nothing else. */
function epsilonOption({ priceWei, privacy }: ModelVerdict): string {
  const most = privacy?.epsilons.at(-1)?.epsilon;
  return priceWei !== null || most === undefined ? '' : ` --epsilon ${most}`;
}

function modelFacts(model: ModelDescription | undefined): [string, string][] {
  if (model === undefined) return [];
  const operators = Object.entries(model.operators).map(([name, count]) => `${name} ${count}`);
  const count = (value: number) => value.toLocaleString('en');
  return [
    ['parameters', `${count(model.trainedParameters)} trained, ${count(model.frozenParameters)} frozen`],
    ['operators', operators.join(', ')],
  ];
}

function trainerFacts(trainer: TrainerEstimate | undefined): [string, string][] {
  if (trainer?.admitted !== true) return [];
  const { flopsPerRow, memoryBytes, compileSeconds, steps } = trainer;
  return [
    ['a step', `about ${(flopsPerRow / 1e6).toFixed(2)} MFLOP a row; ${steps.toLocaleString('en')} steps`],
    ['memory', `about ${bytes(memoryBytes)} beside the interpreter's own`],
    ['compiling', `${compileSeconds.toFixed(1)} s on this machine`],
  ];
}

function warnings({ model, trainer, admitted }: ModelVerdict): string[] {
  const shared = model?.sharedTensors ?? [];
  return [
    ...(shared.length === 0
      ? []
      : [
          `warning: several operators use ${plain(shared.slice(0, 5).join(', '))}. Unless your model does that, the export merged ` +
            'weights that started equal, and they would train as one: make the file with weighbridge.export.',
        ]),
    ...(admitted && trainer === undefined
      ? ['warning: the trainer is not installed here, so shapes inside the graph and its budgets were not looked at.']
      : []),
  ];
}

function refusal({ code, reason, next }: ModelVerdict): WeighbridgeError {
  return new WeighbridgeError(code === 'MODEL_DOES_NOT_FIT' ? code : 'MODEL_REJECTED', reason ?? 'refused', {
    next: next ?? 'Change the model and export it again.',
  });
}
