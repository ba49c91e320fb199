import { afterAll, beforeAll, expect, it } from 'vitest';
import { startS3, type S3Server } from '../../../../test/support/s3-server.js';
import { utf8 } from '../../../kernel/index.js';
import { S3Storage } from './s3-storage.js';

// Faked: the store. It checks each signature by itself.
const credentials = { region: 'us-east-1', accessKeyId: 'key', secretAccessKey: 'secret' };
let s3: S3Server;
beforeAll(async () => {
  s3 = await startS3('key', 'secret');
});
afterAll(async () => s3.stop());

it('keeps what it was given under its C2SP path, with the headers of a tile or of a checkpoint', async () => {
  const storage = new S3Storage({ bucketUrl: `${s3.bucketUrl}/`, ...credentials });
  await storage.put('tile/entries/x001/234.p/7', utf8('entries'));
  await storage.put('checkpoint', utf8('note'));
  expect(await storage.get('tile/entries/x001/234.p/7')).toEqual(utf8('entries'));
  expect(s3.objects.get('tile/entries/x001/234.p/7')?.headers).toMatchObject({
    'cache-control': 'public, max-age=31536000, immutable',
    'content-type': 'application/octet-stream',
  });
  expect(s3.objects.get('checkpoint')?.headers['cache-control']).toBe('no-cache');
  await storage.remove(['checkpoint', 'checkpoint']);
  expect(await storage.get('checkpoint')).toBeUndefined();
});

it('says when the store refuses, and names no key', async () => {
  const wrong = new S3Storage({ bucketUrl: s3.bucketUrl, ...credentials, secretAccessKey: 'wrong' });
  await expect(wrong.put('checkpoint', utf8('note'))).rejects.toThrow('object storage answered 403 to PUT checkpoint');
  s3.away = true;
  const storage = new S3Storage({ bucketUrl: s3.bucketUrl, ...credentials });
  await expect(storage.get('checkpoint')).rejects.toThrow('answered 503');
  s3.away = false;
});
