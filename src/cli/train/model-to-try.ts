import type { Column } from '../../catalog/manifest.js';
import type { Dataset } from '../api/schemas.js';

/** Options of `train` for a first model on a dataset: a recipe where one reads its columns, else a model of the buyer's own. */
export function modelToTry({ manifest: { columns }, label }: Pick<Dataset, 'manifest' | 'label'>): string {
  const others = columns.filter(({ name }) => name !== label);
  const hasClasses = columns.some((column) => column.name === label && isDeclared(column) && column.type !== 'number');
  if (hasClasses && others.some(isDeclared)) return '--recipe mlp';
  if (hasClasses && others.some(({ type }) => type === 'image')) return '--recipe cnn';
  return '--model model.wbm --features features.json';
}

/** Whether a recipe knows how to encode it. */
function isDeclared({ type, range, vocabulary }: Column): boolean {
  return type === 'boolean' || range !== undefined || vocabulary !== undefined;
}
