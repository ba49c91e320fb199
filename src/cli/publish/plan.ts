import { existsSync } from 'node:fs';
import path from 'node:path';
import { getAddress, isAddress } from 'viem';
import { manifestSchema, termsSchema, type Terms } from '../../catalog/manifest.js';
import {
  firstIssue,
  formatWei,
  jsonDigest,
  parsePriceWei,
  protocolFeeWei,
  WeighbridgeError,
  type Address,
  type Network,
} from '../../kernel/index.js';
import { MAX_SHARD_BYTES } from '../../storage/index.js';
import { readJson } from '../state/read-json.js';
import { readDeclaredColumns, type DeclaredColumns } from './declared-columns.js';
import { assertReadable, formatOf, type Format } from './read.js';
import { encodingNamed } from './transcode.js';

/** `publish` as typed. */
export interface PublishOptions {
  label?: string;
  title: string;
  description?: string;
  tag: string[];
  price: string;
  nodeFee?: string;
  terms: string;
  columns?: string;
  operator: string[];
  payee?: string;
  format?: Format;
  encoding?: string;
  shardBytes?: string;
  keepOrder?: boolean;
  acceptPersonalData?: boolean;
  holdout?: number;
  validDays: string;
  newVersionOf?: string;
  listAgain?: boolean;
}

/** The same, read and checked: everything that decides what will be published. */
export interface PublishPlan {
  file: string;
  seller: Address;
  format: Format;
  /** Of a CSV file, as the seller names it. */
  encoding: string | undefined;
  label: string | undefined;
  title: string;
  description: string;
  tags: string[];
  priceWei: bigint;
  nodeFeeWei: bigint;
  protocolFeeWei: bigint;
  payee: Address;
  operators: Address[];
  terms: Terms;
  declared: DeclaredColumns;
  /** Where the declarations came from, for the log. */
  columnsFile: string | undefined;
  /** Largest plaintext shard, bytes; undefined for what suits the file. */
  shardBytes: number | undefined;
  /** Rows stay in the order of the file. */
  keepOrder: boolean;
  validDays: number;
  newVersionOf: string | undefined;
}

const MIN_SHARD_BYTES = 1024;

/** @throws WeighbridgeError BAD_INPUT, BAD_PRICE, BAD_TERMS, EMPTY_DATA: all before anything is read or paid */
export async function planPublish(
  file: string,
  options: PublishOptions,
  network: Network,
  seller: Address,
): Promise<PublishPlan> {
  await assertReadable(file);
  const columnsFile = options.columns ?? columnsBeside(file);
  const priceWei = parsePriceWei(options.price);
  const feeWei = protocolFeeWei(priceWei, network.protocolFeeBps);
  const nodeFeeWei = options.nodeFee === undefined ? priceWei / 10n : parsePriceWei(options.nodeFee);
  if (nodeFeeWei + feeWei > priceWei) {
    throw new WeighbridgeError(
      'BAD_PRICE',
      `the price of ${formatWei(priceWei)} USDFC does not cover the node's ${formatWei(nodeFeeWei)} and the protocol's ${formatWei(feeWei)}`,
      {
        next: 'Raise --price or lower --node-fee.',
      },
    );
  }
  const plan: PublishPlan = {
    file,
    seller,
    format: options.format ?? formatOf(file),
    encoding: options.encoding === undefined ? undefined : encodingNamed(options.encoding),
    label: options.label,
    title: options.title,
    description: options.description ?? '',
    tags: options.tag,
    priceWei,
    nodeFeeWei,
    protocolFeeWei: feeWei,
    payee: options.payee === undefined ? seller : addressOf('--payee', options.payee),
    operators:
      options.operator.length === 0
        ? [network.operator]
        : options.operator.map((text) => addressOf('--operator', text)),
    terms: await readTerms(options),
    declared: columnsFile === undefined ? {} : await readDeclaredColumns(columnsFile),
    columnsFile,
    shardBytes: shardBytesOf(options.shardBytes),
    keepOrder: options.keepOrder === true,
    validDays: wholeNumber('--valid-days', options.validDays, 1, 3650),
    newVersionOf: options.newVersionOf,
  };
  checkWords(plan);
  return plan;
}

/**
 * Names one `publish`: the same file with the same options by the same seller on the same market. An interrupted run is
 * found again by it.
 * @param data - SHA-256 of the file
 */
export function planDigest(plan: PublishPlan, network: Network, data: string): string {
  const { file: _file, columnsFile: _source, encoding, ...rest } = plan;
  return jsonDigest({
    ...rest,
    priceWei: plan.priceWei.toString(),
    nodeFeeWei: plan.nodeFeeWei.toString(),
    protocolFeeWei: plan.protocolFeeWei.toString(),
    label: plan.label ?? null,
    newVersionOf: plan.newVersionOf ?? null,
    shardBytes: plan.shardBytes ?? null,
    ...(encoding === undefined ? {} : { encoding }),
    data,
    chainId: network.chainId,
    marketplace: network.contracts.marketplace,
  });
}

/** `data.columns.json` beside `data.csv`, if it is there. */
export function columnsBeside(file: string): string | undefined {
  const { dir, name } = path.parse(file);
  const candidate = path.join(dir, `${name}.columns.json`);
  return existsSync(candidate) ? candidate : undefined;
}

async function readTerms({ terms: file, acceptPersonalData, holdout }: PublishOptions): Promise<Terms> {
  const next =
    'Write {"version": 1, "title": ..., "text": ..., "purposes": ["..."], "licenceDays": 365, "privacy": {"budget": {"epsilon": 10, ' +
    '"delta": 1e-6, "maxEpsilonPerJob": 3, "pricePerEpsilon": "0.5"}, "trainingWithoutPrivacy": false}}.';
  const parsed = termsSchema.safeParse(await readJson(file, 'BAD_TERMS', next));
  if (!parsed.success) throw new WeighbridgeError('BAD_TERMS', `${file}: ${firstIssue(parsed.error)}`, { next });
  // In the terms, because buyers accept them: the care that personal data need, and which rows a metric may be bought over.
  const terms: Terms = {
    ...parsed.data,
    ...(acceptPersonalData === true ? { personalData: true } : {}),
    privacy: { ...parsed.data.privacy, ...(holdout === undefined ? {} : { holdout }) },
  };
  assertTrainable(file, terms);
  return terms;
}

function assertTrainable(file: string, { privacy: { budget, trainingWithoutPrivacy, holdout } }: Terms): void {
  if (budget === undefined && holdout !== undefined) {
    throw new WeighbridgeError('BAD_TERMS', `${file} has no privacy budget that a metric could be paid from`, {
      next: 'Give privacy.budget, or hold no rows out.',
    });
  }
  if (budget !== undefined || trainingWithoutPrivacy === true) return;
  throw new WeighbridgeError('BAD_TERMS', `${file} allows no training: no privacy budget, and none without one`, {
    next: 'Give privacy.budget, or set privacy.trainingWithoutPrivacy to true.',
  });
}

/** The manifest's own limits, held against the options before a long upload finds out. */
function checkWords({ title, description, tags }: PublishPlan): void {
  const parsed = manifestSchema
    .pick({ title: true, description: true, tags: true })
    .safeParse({ title, description, tags });
  if (parsed.success) return;
  const { option, limits } = WORDS[parsed.error.issues[0]?.path[0] as keyof typeof WORDS];
  throw new WeighbridgeError('BAD_INPUT', `${option} is empty or too long`, { next: limits });
}

const WORDS = {
  title: { option: '--title', limits: 'Give a title of 1 to 200 characters.' },
  description: { option: '--description', limits: 'Give at most 10,000 characters.' },
  tags: { option: '--tag', limits: 'Give at most 20 tags, of 1 to 40 characters each.' },
} as const;

function shardBytesOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : wholeNumber('--shard-bytes', text, MIN_SHARD_BYTES, MAX_SHARD_BYTES);
}

function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new WeighbridgeError('BAD_INPUT', `${option} is "${text}"`, {
    next: `Give a whole number from ${min} to ${max}.`,
  });
}

function addressOf(option: string, text: string): Address {
  if (isAddress(text)) return getAddress(text);
  throw new WeighbridgeError('BAD_INPUT', `${option} is "${text}", which is no address`, {
    next: 'Give 0x and 40 hex digits; mixed case must be a valid checksum.',
  });
}
