import type { Column } from '../catalog/manifest.js';
import type { ModelDeclaration } from './model-declaration.js';

/**
 * Numbers of the columns that a run reads, in the manifest's order: those of features and label, and the one that names privacy
 * units. Undefined if the dataset has not all of them, which the sandbox refuses.
 */
export function columnsRead(
  columns: readonly Pick<Column, 'name'>[],
  { features, label, privacy }: Pick<ModelDeclaration, 'features' | 'label' | 'privacy'>,
): number[] | undefined {
  const named = Object.values(features).flatMap((list) => list.map(({ column }) => column));
  switch (label.kind) {
    case 'class':
    case 'class-map':
      named.push(label.column);
      break;
    case 'binary':
    case 'numbers':
      named.push(...label.columns.map(({ column }) => column));
      break;
    case 'tokens':
      break; // an input of the graph
  }
  if (privacy !== 'none' && privacy.unit.kind === 'column') named.push(privacy.unit.column);
  const numbers = [...new Set(named)].map((name) => columns.findIndex((column) => column.name === name));
  return numbers.includes(-1) ? undefined : numbers.toSorted((a, b) => a - b);
}
