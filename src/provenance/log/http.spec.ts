import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { logApp, readRoutes } from './http.js';

/** More than sockets take at once. */
const BUNDLE_BYTES = 8 << 20;
const bundle = (): Buffer => Buffer.alloc(BUNDLE_BYTES, 'entries');
const app = logApp(pino({ level: 'silent' }));
const made: Uint8Array[] = [];
readRoutes(app, {
  published: () => expect.unreachable(),
  fresh: async () => expect.unreachable(),
  tile: async () => {
    made.push(bundle());
    return made[0] ?? expect.unreachable();
  },
});
afterEach(async () => app.close());

it('lets the memory of a bundle go once a slow reader has all of it, and no byte before', async () => {
  const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/tile/entries/000`;
  const [response] = (await once(get(url), 'response')) as [IncomingMessage];
  // Nothing is read yet, so that most of it still waits on the other side.
  await new Promise(setImmediate);
  expect(made.map(({ length }) => length)).toEqual([BUNDLE_BYTES]);
  expect((await buffer(response)).equals(bundle())).toBe(true);
  await expect.poll(() => made[0]?.length).toBe(0);
});
