import type { Statement } from '../statements.js';
import type { History } from './history.js';

/** How each model was made: in-toto Statements with an SLSA Provenance v1 predicate, as their workers signed them. */
export function toSlsa({ runs }: History): Statement[] {
  return runs.flatMap(({ completed }) => (completed === undefined ? [] : [completed.entry.statement]));
}
