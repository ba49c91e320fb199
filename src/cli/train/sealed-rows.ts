import type { Manifest } from '../../catalog/manifest.js';
import type { ModelDeclaration } from '../../training/model-declaration.js';
import { bytes } from '../ui/text.js';

/** Where rows lie that memory has no room for, and what that means: said before they are paid for. Undefined where they fit. */
export async function sealedRows(manifest: Manifest, declaration: ModelDeclaration): Promise<string | undefined> {
  const { MAX_ROWS_BYTES, roomOf } = await import('../../training/models.js');
  const room = roomOf(manifest, declaration);
  if (room.bytes <= MAX_ROWS_BYTES) return undefined;
  return `${bytes(room.bytes)}, more than the ${bytes(MAX_ROWS_BYTES)} of memory that a job has for them: they are kept sealed on the worker's disk (${bytes(room.sealedBytes)}) and read from there in each step, to the same weights but more slowly`;
}
