import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { largeReads } from './large-reads.js';

/** A provider that takes nothing for so long is given up. */
const STALL_MS = 120_000;
/** Of an answer nobody reads more: a body may be endless. */
const MAX_ANSWER_BYTES = 4096;

export interface Answer {
  status: number;
  text: string;
  location: string | undefined;
}

/** A small question and a small answer. @throws what `fetch` throws, TimeoutError after `limitMs` */
export async function getCapped(url: URL, limitMs: number, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(limitMs), redirect: 'error' });
  const { status, headers, body } = response;
  return { status, text: body === null ? '' : await capped(body), location: headers.get('location') ?? undefined };
}

/**
 * Sends bytes as they come, no faster than they are taken. An answer that comes before the end ends the sending.
 * @throws the fault of `bytes` as it is; a connection's fault; TimeoutError if nothing moves
 */
export async function putStream(
  url: URL,
  bytes: AsyncIterable<Uint8Array>,
  onProgress: (sentBytes: number) => void,
  stallMs = STALL_MS,
): Promise<Answer> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  // A connection of its own: one that was kept open may be closed by the provider in the moment when it is used.
  const options = { method: 'PUT', headers: { 'content-type': 'application/octet-stream' }, agent: false };
  const request = send(url, options);
  const answer = answerOf(request);
  answer.catch(() => undefined); // whoever waits for it hears of it
  const early = answer.then(() => true);
  early.catch(() => undefined); // the same fault: `answer` tells it
  const stall = setTimeout(
    () => request.destroy(new DOMException('the provider takes nothing', 'TimeoutError')),
    stallMs,
  );
  let sentBytes = 0;
  try {
    for await (const block of bytes) {
      if (await Promise.race([written(request, block), early])) break;
      sentBytes += block.length;
      stall.refresh();
      onProgress(sentBytes);
    }
    request.end();
    return await answer;
  } catch (error) {
    request.destroy();
    throw error;
  } finally {
    clearTimeout(stall);
  }
}

/**
 * Opens a body, on a connection that an earlier one may have left. Whoever reads it destroys it. A redirect is an answer like any
 * other: nobody is sent elsewhere.
 */
export async function openGet(
  url: string,
  headers: Record<string, string>,
  connectMs: number,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  for (;;) {
    const request = startGet(url, headers, signal);
    const late = setTimeout(
      () => request.destroy(new DOMException('the provider does not answer', 'TimeoutError')),
      connectMs,
    );
    try {
      return await new Promise<IncomingMessage>((resolve, reject) => {
        request.once('response', resolve);
        request.on('error', reject);
        request.end();
      });
    } catch (error) {
      // The provider closed it in the moment when it was used again, which says nothing of the provider. A new one is not used again.
      if (!request.reusedSocket || !isClosed(error)) throw error;
    } finally {
      clearTimeout(late);
    }
  }
}

function startGet(url: string, headers: Record<string, string>, signal: AbortSignal | undefined): ClientRequest {
  const [send, agent] = url.startsWith('https:')
    ? [httpsRequest, largeReads['https:']]
    : [httpRequest, largeReads['http:']];
  return send(url, { headers, agent, ...(signal === undefined ? {} : { signal }) });
}

function isClosed(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

/** A body that fails when nothing comes for `stallMs`; the time that its reader takes does not count. */
export async function* withoutStall(body: IncomingMessage, stallMs: number): AsyncGenerator<Uint8Array> {
  const stalled = (): unknown => body.destroy(new DOMException('the provider stalls', 'TimeoutError'));
  let timer = setTimeout(stalled, stallMs);
  try {
    for await (const bytes of body as AsyncIterable<Uint8Array>) {
      clearTimeout(timer);
      yield bytes;
      timer = setTimeout(stalled, stallMs);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves once the system has the bytes, and their memory may be used again. */
async function written(request: ClientRequest, block: Uint8Array): Promise<false> {
  return new Promise((resolve, reject) => {
    request.write(block, (error) => (error == null ? resolve(false) : reject(error)));
  });
}

async function answerOf(request: ClientRequest): Promise<Answer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject);
  });
  const { statusCode = 0, headers } = response;
  return { status: statusCode, text: await capped(response), location: headers.location };
}

async function capped(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const bytes of body) {
    parts.push(bytes);
    length += bytes.length;
    if (length > MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(parts).subarray(0, MAX_ANSWER_BYTES).toString('utf8');
}
