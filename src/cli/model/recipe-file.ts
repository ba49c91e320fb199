import type { RecipeName } from '../../training/models.js';
import type { Cli } from '../cli.js';
import { assertWritable } from '../state/assert-writable.js';
import { writeFileAtomic } from '../state/atomic-file.js';
import { makeModel } from '../train/model.js';
import { facts } from '../ui/table.js';
import { shortId } from '../ui/text.js';

export interface RecipeFileOptions {
  recipe: RecipeName;
  dataset: string;
  out: string;
  label?: string;
  epochs?: number;
  batchRows?: number;
  learningRate?: number;
  seed?: number;
}

/** Writes a recipe's model as a model file: the same form that models of the buyer's own have. */
export async function writeRecipeFile(cli: Cli, { dataset: id, out, ...options }: RecipeFileOptions): Promise<void> {
  await assertWritable(out);
  const { id: keyId, manifest } = await (await cli.api()).dataset(id);
  const { declaration, graph, weights, skippedColumns } = await makeModel(options, manifest);
  const { writeModelFile } = await import('../../training/models.js');
  const file = writeModelFile({ template: declaration, graph, weights, tokenizers: [] });
  await writeFileAtomic(out, file, 0o644);
  const made = { file: out, sizeBytes: file.length, trainable: declaration.trainable, skippedColumns };
  cli.ui.result(made, () => [
    ...facts([
      ['model file', out],
      ['trains', `${declaration.trainable.length} tensors`],
      ...(skippedColumns.length === 0
        ? []
        : ([
            [
              'not used',
              `${skippedColumns.length} columns: nothing is declared of them, or the recipe reads images alone`,
            ],
          ] as [string, string][])),
    ]),
    '',
    `Try next: weighbridge model check ${out} --dataset ${shortId(keyId)}`,
  ]);
}
