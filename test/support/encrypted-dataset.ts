import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { manifestSchema, type Column, type Manifest } from '../../src/catalog/manifest.js';
import { openDuck } from '../../src/cli/publish/duck.js';
import { layoutOf } from '../../src/cli/publish/shard-layout.js';
import { toHex, type Bytes32 } from '../../src/kernel/index.js';
import { wrapShardKey, type ShardKey } from '../../src/storage/index.js';
import { sealPiece } from './seal-piece.js';

/** A dataset as it lies in storage, with the key that no test of the product has at hand. */
export interface EncryptedDataset {
  manifest: Manifest;
  dataKey: Uint8Array;
  /** Ciphertext of each piece, in manifest order. */
  pieces: Uint8Array[];
}

export interface Shard {
  /** A SQL query whose rows become one Parquet file, and that one piece. */
  query: string;
  rowCount: number;
}

/** Whose dataset it is, and the keys of its shards. */
export interface Ownership {
  datasetId: Bytes32;
  keyId: Bytes32;
  keyOf(index: number): ShardKey;
}

/** Makes encrypted pieces of real rows, as a seller's machine does, without uploading them. */
export async function encryptedDataset(
  columns: Column[],
  label: string,
  shards: Shard[],
  owned: Ownership = NOBODYS,
): Promise<EncryptedDataset> {
  const dataKey = randomBytes(32);
  const directory = await mkdtemp(path.join(tmpdir(), 'weighbridge-dataset-'));
  const duck = await openDuck();
  const pieces: Uint8Array[] = [];
  for (const [index, { query }] of shards.entries()) {
    const file = path.join(directory, `${index}.parquet`);
    await duck.run(`COPY (${query}) TO '${file}' (FORMAT parquet)`);
    const data = await readFile(file);
    const layout = await layoutOf(duck, { file, sizeBytes: data.length }, columns.length);
    const fields = { datasetId: owned.datasetId, shardId: shardIdOf(index), frameBytes: FRAME_BYTES };
    pieces.push(sealPiece(owned.keyOf(index), fields, data, layout));
  }
  duck.close();
  await rm(directory, { recursive: true });
  return { manifest: manifestOf(columns, label, shards, pieces, dataKey, owned), dataKey, pieces };
}

/** Small frames, so that even a small piece has several. */
const FRAME_BYTES = 16_384;
const ID: Bytes32 = `0x${'0'.repeat(64)}`;

export function shardIdOf(index: number): Bytes32 {
  return `0x${index.toString(16).padStart(64, '0')}`;
}

/** Keys that no other piece has. */
const NOBODYS: Ownership = {
  datasetId: ID,
  keyId: ID,
  keyOf: (index) => ({ key: Buffer.alloc(32, index + 1), nonceBase: Buffer.alloc(7, index) }),
};

function manifestOf(
  columns: Column[],
  label: string,
  shards: Shard[],
  pieces: Uint8Array[],
  dataKey: Uint8Array,
  { datasetId, keyId, keyOf }: Ownership,
): Manifest {
  return manifestSchema.parse({
    version: 1,
    datasetId,
    datasetVersion: 1,
    keyId,
    title: 'a test',
    description: '',
    tags: [],
    rowCount: shards.reduce((sum, { rowCount }) => sum + rowCount, 0),
    columns,
    label,
    encryption: { scheme: 'weighbridge-envelope-v1', frameBytes: FRAME_BYTES },
    format: 'parquet',
    pieces: pieces.map((piece, index) => ({
      pieceCid: `piece-${index}`,
      sizeBytes: piece.length,
      rowCount: shards[index]?.rowCount,
      shardId: shardIdOf(index),
      wrappedKey: toHex(
        wrapShardKey(
          dataKey,
          { keyId, shardId: shardIdOf(index), number: index, count: pieces.length },
          keyOf(index).key,
        ),
      ),
    })),
    wrappedKey: {
      scheme: 'lit-bls12381-v1',
      ciphertext: '',
      dataToEncryptHash: '0'.repeat(64),
      condition: { chainId: 1, marketplace: `0x${'0'.repeat(40)}`, keyId },
    },
  });
}

/** Columns of an example, with what its `columns.json` declares. */
export async function exampleColumns(name: 'digits' | 'breast-cancer'): Promise<Column[]> {
  const [header = ''] = (await readFile(`examples/${name}.csv`, 'utf8')).split('\n', 1);
  const declared = JSON.parse(await readFile(`examples/${name}.columns.json`, 'utf8')) as Record<
    string,
    { range?: [number, number]; vocabulary?: (string | number)[] }
  >;
  return header.split(',').map((column): Column => {
    const { range, vocabulary } = declared[column] ?? {};
    const words = vocabulary === undefined ? {} : { vocabulary };
    const type = typeof vocabulary?.[0] === 'string' ? 'string' : 'number';
    return {
      name: column,
      type,
      ...words,
      ...(range === undefined ? {} : { range: { min: range[0], max: range[1] } }),
    };
  });
}

/** An example's rows that a seller uploads, cut into pieces. */
export async function exampleDataset(
  name: 'digits' | 'breast-cancer',
  pieces = 1,
  owned?: Ownership,
): Promise<EncryptedDataset> {
  const columns = await exampleColumns(name);
  const rows = (await readFile(`examples/${name}.csv`, 'utf8')).trim().split('\n').length - 1;
  const perPiece = Math.ceil(rows / pieces);
  const shards = Array.from({ length: pieces }, (_, index) => ({
    query: `FROM read_csv('examples/${name}.csv') LIMIT ${perPiece} OFFSET ${index * perPiece}`,
    rowCount: Math.min(perPiece, rows - index * perPiece),
  }));
  return encryptedDataset(columns, columns.at(-1)?.name ?? '', shards, owned);
}
