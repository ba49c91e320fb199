import type { Column } from '../../catalog/manifest.js';
import { plain } from './text.js';

const SHOWN_WORDS = 10;

/** What a seller declares public of a column; undefined if that is nothing. */
export function declaredText({ range, vocabulary }: Pick<Column, 'range' | 'vocabulary'>): string | undefined {
  if (range !== undefined) return `${range.min} to ${range.max}`;
  if (vocabulary === undefined) return undefined;
  const words = vocabulary.slice(0, SHOWN_WORDS).map((word) => plain(String(word)));
  return `one of ${words.join(', ')}${vocabulary.length > words.length ? `, … (${vocabulary.length})` : ''}`;
}
