import type { Column } from '../../catalog/manifest.js';
import type { DeclaredColumns } from './declared-columns.js';
import type { Source } from './source.js';

/**
 * The public schema: names, types, and the seller's own declarations, word for word. No value of a row goes in, and
 * nothing that was computed from one.
 */
export function previewColumns(source: Pick<Source, 'columns'>, declared: DeclaredColumns): Column[] {
  return source.columns.map(({ name, type }) => {
    const { range, vocabulary, shape } = declared[name] ?? {};
    return {
      name,
      type,
      ...(shape === undefined ? {} : { shape }),
      ...(range === undefined ? {} : { range: { min: range[0], max: range[1] } }),
      ...(vocabulary === undefined ? {} : { vocabulary }),
    };
  });
}
