import type { ModelDeclaration } from '../../training/model-declaration.js';

/** Of half a column's range: a mean that is further off may be worse than the middle. */
const MUCH_NOISE = 0.1;

/** Constants that are mostly noise cost as much as good ones: said before they are paid for. */
export async function noiseWarning(declaration: ModelDeclaration, rowCount: number): Promise<string | undefined> {
  const { privacy } = declaration;
  if (privacy === 'none' || privacy.moments === undefined) return undefined;
  const { noiseOfMeans, standardisedColumns } = await import('../../training/models.js');
  const columns = standardisedColumns(declaration);
  const noise = noiseOfMeans(privacy.moments.noiseMultiplier, columns, rowCount);
  if (noise <= MUCH_NOISE) return undefined;
  return (
    `the means of ${columns} columns are off by about ${noise.toPrecision(2)} of half their ranges: ${rowCount} rows are few for that. ` +
    'Standardise fewer columns, or scale by constants.'
  );
}
