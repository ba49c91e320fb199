import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Service } from '../../web3/devnet/service.js';

export interface S3Server extends Service {
  /** Path-style URL of its one bucket. */
  bucketUrl: string;
  /** What it holds, by path, with the headers that it was given. */
  objects: Map<string, { bytes: Buffer; headers: IncomingMessage['headers'] }>;
  /** Answers 503 while set. */
  away: boolean;
}

const BUCKET = '/bucket/';

/**
 * A fake of S3's object API: PUT, GET and DELETE of one bucket, in memory. It checks signatures (AWS Signature Version 4,
 * written from Amazon's description and not with the client's library), so that what it takes, S3 takes.
 */
export async function startS3(accessKeyId: string, secret: string): Promise<S3Server> {
  const objects: S3Server['objects'] = new Map();
  const server = createServer((request, response) => {
    void answer(request).then(({ status, body }) => response.writeHead(status).end(body));
  });
  const answer = async (request: IncomingMessage): Promise<{ status: number; body?: Buffer }> => {
    const body = await buffer(request);
    const { method = '', url = '', headers } = request;
    if (!isSigned({ method, url, headers, body, accessKeyId, secret })) return { status: 403 };
    if (s3.away) return { status: 503 };
    const name = decodeURIComponent(url.slice(BUCKET.length));
    if (method === 'PUT') objects.set(name, { bytes: body, headers });
    if (method === 'DELETE') return { status: objects.delete(name) ? 204 : 404 };
    const found = objects.get(name);
    return found === undefined ? { status: 404 } : { status: 200, ...(method === 'GET' ? { body: found.bytes } : {}) };
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const s3: S3Server = {
    bucketUrl: `http://127.0.0.1:${port}/bucket`,
    objects,
    away: false,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return s3;
}

interface Signed {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: Buffer;
  accessKeyId: string;
  secret: string;
}

function isSigned({ method, url, headers, body, accessKeyId, secret }: Signed): boolean {
  const form =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8}\/[^/]+\/s3\/aws4_request), SignedHeaders=([^,]+), Signature=(\w+)$/;
  const match = form.exec(headers.authorization ?? '');
  if (match?.[1] !== accessKeyId) return false;
  const [, , scope = '', signedHeaders = '', signature] = match;
  const payload = String(headers['x-amz-content-sha256']);
  if (payload !== 'UNSIGNED-PAYLOAD' && payload !== sha256(body)) return false;
  const { pathname } = new URL(url, 'http://unused');
  const canonicalHeaders = signedHeaders.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const canonical = [method, pathname, '', canonicalHeaders.join(''), signedHeaders, payload].join('\n');
  const text = ['AWS4-HMAC-SHA256', String(headers['x-amz-date']), scope, sha256(Buffer.from(canonical))].join('\n');
  const key = scope.split('/').reduce<Buffer>((k, part) => hmac(k, part), Buffer.from(`AWS4${secret}`));
  return hmac(key, text).toString('hex') === signature;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
