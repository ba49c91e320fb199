import type { Column } from '../../catalog/manifest.js';
import type { StepTimer } from '../../storage/index.js';
import { WeighbridgeError } from '../../kernel/index.js';
import type { Ui } from '../ui/ui.js';
import { checkDeclared, type MissingValues } from './check-declared.js';
import type { Duck } from './duck.js';
import { divideRows } from './hold-out.js';
import type { DatasetSlot, JournalFile, SentPiece } from './journal.js';
import { numberShards } from './number-shards.js';
import type { PublishPlan } from './plan.js';
import { previewColumns } from './preview.js';
import { withPrivateDir } from './private-dir.js';
import { personalColumns } from './quality.js';
import { readSource, sourceState } from './read.js';
import { sendShards, type SendDeps } from './send-shards.js';
import { writeShards, type Shard } from './shard.js';
import type { Source } from './source.js';
import { assertUnchanged, type FileState } from './unchanged.js';

export interface MakeDeps extends SendDeps {
  duck: Duck;
  time: StepTimer;
}

export interface Made {
  columns: Column[];
  rowCount: number;
  pieces: SentPiece[];
}

/** Reads, checks and shards the seller's file, and encrypts and sends each shard as soon as it is written. */
export async function makePieces(
  plan: PublishPlan,
  file: FileState,
  slot: DatasetSlot,
  journal: JournalFile,
  deps: MakeDeps,
): Promise<Made> {
  return withPrivateDir(journal.dir, async (privateDir) => {
    await deps.duck.spillTo(privateDir);
    const made =
      (await makeOfNumbers(plan, slot, journal, privateDir, deps)) ??
      (await makeOfAny(plan, slot, journal, privateDir, deps));
    assertUnchanged(plan.file, file, await sourceState(plan.file, plan.format).catch(() => undefined));
    return made;
  });
}

/** Some row is not like the first ones. What is wrong with it, if anything, only reading the file in its order can name. */
class NotPlain extends Error {}

/** Shards of a large file of numbers are sent while the file is read. @returns undefined for any other file */
async function makeOfNumbers(
  plan: PublishPlan,
  slot: DatasetSlot,
  journal: JournalFile,
  privateDir: string,
  deps: MakeDeps,
): Promise<Made | undefined> {
  const { duck, ui, time } = deps;
  const { format, shardBytes, terms } = plan;
  if (format !== 'csv' || shardBytes !== undefined || terms.privacy.holdout !== undefined) return undefined;
  const numbers = await numberShards(duck, plan, privateDir, time);
  if (numbers === undefined) return undefined;
  const { columns, expected } = numbers;
  await checkPersonal(plan, duck, { columns, parquetFile: plan.file }, ui);
  const missing = new Map<string, number>();
  let rowCount = 0;
  const checked = async function* (): AsyncGenerator<Shard> {
    try {
      for await (const shard of numbers.shards) {
        const source = { ...shard, parquetFile: shard.file };
        for (const { column, rows } of await checkDeclared(duck, source, plan.declared, plan.label)) {
          missing.set(column, (missing.get(column) ?? 0) + rows);
        }
        rowCount += shard.rowCount;
        yield shard;
      }
    } catch (cause) {
      throw new NotPlain('a shard is not what the first rows suggest', { cause });
    }
  };
  try {
    const pieces = await sendShards(checked(), expected, slot, journal, deps);
    tellRead(
      [...missing].map(([column, rows]) => ({ column, rows })),
      { rowCount, columns },
      ui,
    );
    return { columns: previewColumns({ columns }, plan.declared), rowCount, pieces };
  } catch (error) {
    if (!(error instanceof NotPlain)) throw error;
    ui.note('some rows are not like the first ones: the file is read again, with care');
    return undefined;
  }
}

async function makeOfAny(
  plan: PublishPlan,
  slot: DatasetSlot,
  journal: JournalFile,
  privateDir: string,
  deps: MakeDeps,
): Promise<Made> {
  const { duck, ui, time } = deps;
  const source = await readAndCheck(plan, duck, privateDir, deps);
  const key = { secret: deps.secret, datasetId: slot.datasetId };
  const { training, heldOut } = await divideRows(duck, source, privateDir, plan, key);
  if (heldOut !== undefined) ui.note(`${heldOut.rowCount} rows are held out of training`);
  const shards = shardsOf(training, heldOut, (side, prefix) => writeShards(duck, side, privateDir, plan, time, prefix));
  const pieces = await sendShards(shards, source, slot, journal, deps);
  return { columns: previewColumns(source, plan.declared), rowCount: training.rowCount, pieces };
}

/** Those that are held out stand last: their place in the manifest tells them. */
async function* shardsOf(
  training: Source,
  heldOut: Source | undefined,
  write: (side: Source, prefix: string) => AsyncGenerator<Shard>,
): AsyncGenerator<Shard> {
  yield* write(training, 'training');
  if (heldOut === undefined) return;
  for await (const shard of write(heldOut, 'held-out')) yield { ...shard, holdout: true };
}

async function readAndCheck(
  plan: PublishPlan,
  duck: Duck,
  privateDir: string,
  { ui, time }: Pick<MakeDeps, 'ui' | 'time'>,
): Promise<Source> {
  const source = await time('data path: read', async () =>
    readSource(duck, plan.file, plan.format, privateDir, plan.declared, plan.encoding),
  );
  await time('data path: check', async () => checkSource(plan, duck, source, ui));
  return source;
}

async function checkSource(plan: PublishPlan, duck: Duck, source: Source, ui: Ui): Promise<void> {
  tellRead(await checkDeclared(duck, source, plan.declared, plan.label), source, ui);
  await checkPersonal(plan, duck, source, ui);
}

function tellRead(missing: MissingValues[], { rowCount, columns }: Pick<Source, 'rowCount' | 'columns'>, ui: Ui): void {
  for (const { column, rows } of missing) ui.warn(`column "${column}" has no value in ${rows} of ${rowCount} rows`);
  ui.note(`read ${rowCount} rows, ${columns.length} columns`);
}

/** @throws WeighbridgeError BAD_INPUT unless the seller accepted that columns look like personal data */
async function checkPersonal(
  { terms }: PublishPlan,
  duck: Duck,
  source: Pick<Source, 'columns' | 'parquetFile'>,
  ui: Ui,
): Promise<void> {
  const personal = await personalColumns(duck, source);
  for (const { name, why } of personal) ui.warn(`column "${name}" may be personal data: ${why}`);
  if (personal.length === 0 || terms.personalData === true) return;
  throw new WeighbridgeError('BAD_INPUT', `${personal.length} columns look like personal data`, {
    next: 'Leave them out, or go on with --accept-personal-data: the terms then say so. See them with "weighbridge inspect".',
    details: { columns: personal.map(({ name }) => name) },
  });
}
