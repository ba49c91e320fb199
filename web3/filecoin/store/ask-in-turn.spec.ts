import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { PieceHasher } from '../commp.js';
import { parsePieceCid } from '../piece-cid.js';
import { askInTurn, type Copies } from './ask-in-turn.js';
import { WrongCopy } from './read-range.js';

const PATIENCE_MS = 100;
const [A, B] = ['http://a.example/piece/x', 'http://b.example/piece/x'] as const;

function copies(signal?: AbortSignal): Copies {
  const piece = parsePieceCid(new PieceHasher().write(new Uint8Array(127)).digest());
  if (piece === undefined) throw new Error('no piece CID');
  return { piece, urls: [A, B], suspects: new Set(), slow: new Set(), signal };
}

/** A copy that answers only after somebody gave it up. */
const never = async (signal: AbortSignal | undefined): Promise<never> =>
  sleep(60_000, undefined, { ...(signal === undefined ? {} : { signal }) }).then(() => {
    throw new Error('waited for');
  });

test('a copy that is too slow is left for the next, and asked last from then on, until it is in time again', async () => {
  const of = copies();
  const asked: string[] = [];
  const ask = async (url: string, signal?: AbortSignal): Promise<string> => {
    asked.push(url);
    return url === A && asked.length === 1 ? never(signal) : url;
  };
  expect(await askInTurn(of, ask, PATIENCE_MS)).toBe(B);
  expect(await askInTurn(of, ask, PATIENCE_MS)).toBe(B);
  expect(asked).toEqual([A, B, B]);
  of.urls = [A];
  expect(await askInTurn(of, ask, PATIENCE_MS)).toBe(A);
  of.urls = [A, B];
  expect(await askInTurn(of, ask, PATIENCE_MS)).toBe(A);
  expect(of.suspects).toEqual(new Set());
});

test('the last copy is given all the time that it needs', async () => {
  const slowly = async (url: string, signal?: AbortSignal): Promise<string> =>
    url === A ? never(signal) : sleep(3 * PATIENCE_MS, url, { ...(signal === undefined ? {} : { signal }) });
  expect(await askInTurn(copies(), slowly, PATIENCE_MS)).toBe(B);
});

test('one that lies is suspect, one that fails is not; where all lie the piece is corrupt, else the provider down', async () => {
  const of = copies();
  const lying = async (): Promise<never> => Promise.reject(new WrongCopy('another one'));
  const failing = async (): Promise<never> => Promise.reject(new Error('500'));
  await expect(askInTurn(of, failing)).rejects.toMatchObject({ code: 'PROVIDER_DOWN', retryable: true });
  expect(of.suspects).toEqual(new Set());
  await expect(askInTurn(of, async (url) => (url === A ? lying() : failing()))).rejects.toMatchObject({
    code: 'PROVIDER_DOWN',
  });
  expect(of.suspects).toEqual(new Set([A]));
  await expect(askInTurn(of, lying)).rejects.toMatchObject({ code: 'PIECE_CORRUPT' });
});

test('nobody is asked any more once the reader is gone', async () => {
  const gone = new AbortController();
  const asked: string[] = [];
  const reading = askInTurn(copies(gone.signal), async (url, signal) => {
    asked.push(url);
    return never(signal);
  });
  gone.abort(new Error('the reader is gone'));
  await expect(reading).rejects.toThrow('the reader is gone');
  expect(asked).toEqual([A]);
});
