import { sha256Hex, WeighbridgeError } from '../../kernel/index.js';
import { errorFrom, http, unavailable } from './http.js';

const TIMEOUT_MS = 10 * 60_000;

/** Stores bytes under their digest. Sending them twice is sending them once. @throws WeighbridgeError TOO_LARGE, DIGEST_MISMATCH, DISK_FULL */
export async function putBlob(apiUrl: string, sha256: string, bytes: Uint8Array, token: string): Promise<void> {
  const response = await http(urlOf(apiUrl, sha256), {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' },
    body: bytes,
    timeoutMs: TIMEOUT_MS,
    idempotent: true,
  });
  if (!response.ok) throw await errorOf(response);
  await response.body?.cancel();
}

/**
 * Bytes by their digest, checked: the server is not trusted.
 * @throws WeighbridgeError BLOB_NOT_FOUND, FORBIDDEN, DIGEST_MISMATCH
 */
export async function getBlob(apiUrl: string, sha256: string, token: string): Promise<Uint8Array> {
  const url = urlOf(apiUrl, sha256);
  const response = await http(url, {
    headers: { authorization: `Bearer ${token}` },
    timeoutMs: TIMEOUT_MS,
    idempotent: true,
  });
  if (!response.ok) throw await errorOf(response);
  const bytes = await response.arrayBuffer().then(
    (buffer) => new Uint8Array(buffer),
    (error: unknown) => {
      throw unavailable(url, error);
    },
  );
  if (sha256Hex(bytes) === sha256) return bytes;
  throw new WeighbridgeError('DIGEST_MISMATCH', 'the marketplace sent other bytes than those asked for', {
    next: 'Run the same command again; if it happens again, the marketplace is broken or dishonest.',
    details: { expected: sha256, received: sha256Hex(bytes) },
  });
}

function urlOf(apiUrl: string, sha256: string): string {
  return new URL(`/blobs/sha256/${sha256}`, apiUrl).href;
}

async function errorOf(response: Response): Promise<WeighbridgeError> {
  const body: unknown = await response.json().catch(() => undefined);
  return errorFrom(body, {
    message: `the marketplace answered with status ${response.status}`,
    status: response.status,
  });
}
