import { AwsClient } from 'aws4fetch';
import type { TileStorage } from './storage.js';

export interface S3Options {
  /** URL of the bucket, path style: `https://s3.eu-central-1.amazonaws.com/bucket`, or of any S3-compatible store. */
  bucketUrl: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

const TIMEOUT_MS = 20_000;
const IMMUTABLE = 'public, max-age=31536000, immutable';

/** Objects in an S3-compatible bucket, under their C2SP paths, with the headers that a CDN before it should pass on. */
export class S3Storage implements TileStorage {
  readonly name: string;
  private readonly client: AwsClient;

  constructor({ bucketUrl, ...credentials }: S3Options) {
    this.name = bucketUrl.replace(/\/$/, '');
    this.client = new AwsClient({ ...credentials, service: 's3', retries: 2 });
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    const tile = path.startsWith('tile/');
    const headers = {
      'cache-control': tile ? IMMUTABLE : 'no-cache',
      'content-type': tile ? 'application/octet-stream' : 'text/plain; charset=utf-8',
    };
    const response = await this.request(path, { method: 'PUT', body: new Uint8Array(bytes), headers });
    if (!response.ok) throw refused('PUT', path, response);
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    const response = await this.request(path, { method: 'GET' });
    if (response.status === 404) return undefined;
    if (!response.ok) throw refused('GET', path, response);
    return new Uint8Array(await response.arrayBuffer());
  }

  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      const response = await this.request(path, { method: 'DELETE' });
      if (!response.ok && response.status !== 404) throw refused('DELETE', path, response);
    }
  }

  private async request(path: string, init: RequestInit): Promise<Response> {
    return this.client.fetch(`${this.name}/${path}`, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
  }
}

function refused(method: string, path: string, { status }: Response): Error {
  return new Error(`object storage answered ${status} to ${method} ${path}`);
}
