// Real: the API over HTTP, PostgreSQL, BullMQ on it, the model and its checks, every digest and signature. Faked: log, chain,
// the recorder's key file; no worker runs.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Hex, utf8 } from '../../../src/kernel/index.js';
import { BlobStore } from '../../../src/platform/index.js';
import { bearer } from '../../support/api/client.js';
import { putBlob, readyToSubmit, signedIn, submit, paidOrder, type Ready } from '../../support/api/steps.js';
import { startTestApi, type TestApi } from '../../support/api/test-api.js';

let api: TestApi;
let ready: Ready;
beforeAll(async () => {
  api = await startTestApi();
  ready = await readyToSubmit(api);
});
afterAll(async () => api?.stop());

const paid = async () => paidOrder(api, ready);

describe('blobs', () => {
  const read = async (digest: string, token?: string): Promise<Response> =>
    fetch(`${api.url}/blobs/sha256/${digest}`, { headers: bearer(token) });

  it('keeps bytes under their digest, once', async () => {
    const bytes = utf8(`some model ${Math.random()}`);
    const digest = sha256Hex(bytes);
    expect((await putBlob(api, digest, bytes, ready.buyer.token)).status).toBe(201);
    expect((await putBlob(api, digest, bytes, ready.buyer.token)).status).toBe(200);
    const back = await read(digest, ready.buyer.token);
    expect(back.status).toBe(200);
    expect(back.headers.get('content-length')).toBe(String(bytes.length));
    expect(new Uint8Array(await back.arrayBuffer())).toEqual(bytes);
  });

  it('refuses bytes that are not what their digest says, and keeps nothing of them', async () => {
    const digest = sha256Hex(utf8('the right bytes'));
    const response = await putBlob(api, digest, utf8('other bytes'), ready.buyer.token);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: 'DIGEST_MISMATCH', next: expect.any(String) as string });
    expect((await read(digest, ready.buyer.token)).status).toBe(404);
  });

  it('refuses what is announced as too large before it is sent', async () => {
    const response = await fetch(`${api.url}/blobs/sha256/${'a'.repeat(64)}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream', ...bearer(ready.buyer.token) },
      body: new Uint8Array(257 << 20),
    }).catch(() => undefined);
    // The server may close the line while the client still sends: either way nothing is kept.
    if (response !== undefined) expect(response.status).toBe(413);
    expect((await read('a'.repeat(64), ready.buyer.token)).status).toBe(404);
  });

  it.each([
    ['another media type', { 'content-type': 'application/json' }, '{}', 400],
    ['a digest that is none', { 'content-type': 'application/octet-stream' }, 'x', 400],
  ])('refuses %s', async (what, headers, body, status) => {
    const digest = what.startsWith('a digest') ? 'ABC' : sha256Hex(utf8(body));
    const url = `${api.url}/blobs/sha256/${digest}`;
    const response = await fetch(url, { method: 'PUT', headers: { ...headers, ...bearer(ready.buyer.token) }, body });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code: 'BAD_INPUT' });
  });

  it('shows a model to its uploader and the parties of its job, and to others not even that it exists', async () => {
    const { declaration } = ready.model;
    const stranger = await signedIn(api);
    const { input } = await paid();
    await submit(api, input, ready.buyer.token);
    const statuses = await Promise.all(
      [ready.buyer, ready.seller, stranger].map(async ({ token }) => (await read(declaration.graph, token)).status),
    );
    expect(statuses).toEqual([200, 200, 404]);
    expect((await read(declaration.graph)).status).toBe(401);
    const absent = await (await read('b'.repeat(64), stranger.token)).json();
    const hidden = await (await read(declaration.graph, stranger.token)).json();
    expect(Object.keys(hidden as object)).toEqual(Object.keys(absent as object));
    expect(hidden).toMatchObject({ code: 'BLOB_NOT_FOUND' });
  });

  it('shows encrypted weights to the buyer of the job alone', async () => {
    const { input, orderId } = await paid();
    await submit(api, input, ready.buyer.token);
    const bytes = utf8(`encrypted weights ${orderId}`);
    const digest = sha256Hex(bytes);
    await new BlobStore(api.env.BLOB_DIR).put(digest, bytes);
    expect((await read(digest, ready.buyer.token)).status).toBe(404);
    await api.prisma.job.update({ where: { id: orderId }, data: { ciphertextDigest: digest } });
    const statuses = await Promise.all(
      [ready.buyer, ready.seller].map(async ({ token }) => (await read(digest, token)).status),
    );
    expect(statuses).toEqual([200, 404]);
  });
});
