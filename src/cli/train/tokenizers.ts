import path from 'node:path';
import { sha256Hex, WeighbridgeError } from '../../kernel/index.js';
import { readTokenizer, tokenizersOf, type ModelDeclaration } from '../../training/models.js';
import { readBytes } from '../verify/read-files.js';
import { tokenizerMissing } from './tokenizer-missing.js';

/** The `tokenizer.json` files that were given. */
export interface GivenTokenizers {
  /** By SHA-256, 64 hex digits. */
  byDigest: ReadonlyMap<string, Uint8Array>;
  /** Digest by the name of its file: what a features file may write in its place. */
  byName: ReadonlyMap<string, string>;
}

/** @throws WeighbridgeError BAD_INPUT, MODEL_REJECTED for one that is no JSON or larger than 16 MiB */
export async function readTokenizers(files: readonly string[]): Promise<GivenTokenizers> {
  const byDigest = new Map<string, Uint8Array>();
  const byName = new Map<string, string>();
  for (const file of files) {
    const bytes = await readBytes(file);
    readTokenizer(bytes);
    const digest = sha256Hex(bytes);
    byDigest.set(digest, bytes);
    byName.set(path.basename(file), digest);
  }
  return { byDigest, byName };
}

/**
 * The files that the features name, each once; they are sent beside the graph.
 * @param carried - those that the model file has in it
 * @throws WeighbridgeError BAD_INPUT if one is missing, or given for nothing
 */
export function tokenizersFor(
  { features }: ModelDeclaration,
  { byDigest, byName }: GivenTokenizers,
  carried: readonly Uint8Array[] = [],
): Uint8Array[] {
  const named = tokenizersOf(features);
  const known = new Map([...carried.map((bytes) => [sha256Hex(bytes), bytes] as const), ...byDigest]);
  const idle = [...byName].find(([, digest]) => !named.includes(digest));
  if (idle !== undefined) {
    throw new WeighbridgeError('BAD_INPUT', `no feature names the tokenizer ${idle[0]}`, {
      next: `Write "tokenizer": "${idle[0]}" into a text feature of --features, or leave --tokenizer out.`,
    });
  }
  return named.map((digest) => {
    const bytes = known.get(digest);
    if (bytes !== undefined) return bytes;
    throw tokenizerMissing(`SHA-256 ${digest}`, 'Give its tokenizer.json with --tokenizer.');
  });
}
