import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { WeighbridgeError } from '../../kernel/index.js';
import { isDiskFull } from '../state/disk-full.js';
import { diskFull } from './duck.js';

/** No byte of UTF-8: stands for what was no character in the file's own encoding, so that the reader names its row and column. */
const NOT_UTF8 = Buffer.of(0xff);
const REPLACEMENT = '\ufffd';

/** The name of a text encoding as the WHATWG's Encoding standard lists it. @throws WeighbridgeError BAD_INPUT */
export function encodingNamed(name: string): string {
  try {
    return new TextDecoder(name).encoding;
  } catch (cause) {
    throw new WeighbridgeError('BAD_INPUT', `--encoding is "${name}", which names no encoding of text`, {
      next: 'Name it as browsers do, such as utf-8, latin1, windows-1252, utf-16le or shift_jis.',
      cause,
    });
  }
}

/** What a file's first bytes say of its encoding (Unicode 16, section 23.8); a named one comes after that. */
export async function encodingOf(file: string, named: string | undefined): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    const mark = bytesRead === 2 ? buffer.readUInt16BE() : 0;
    if (mark === 0xfffe) return 'utf-16le';
    if (mark === 0xfeff) return 'utf-16be';
    return named ?? 'utf-8';
  } finally {
    await handle.close();
  }
}

/** Writes a text file anew as UTF-8. @throws WeighbridgeError DISK_FULL */
export async function asUtf8(file: string, encoding: string, target: string): Promise<void> {
  const decoder = new TextDecoder(encoding);
  const recode = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
    for await (const bytes of source) yield utf8(decoder.decode(bytes, { stream: true }));
    yield utf8(decoder.decode());
  };
  try {
    await pipeline(createReadStream(file), recode, createWriteStream(target, { mode: 0o600 }));
  } catch (error) {
    throw isDiskFull(error) ? diskFull(target, error) : error;
  }
}

function utf8(text: string): Buffer {
  if (!text.includes(REPLACEMENT)) return Buffer.from(text);
  const parts = text.split(REPLACEMENT).flatMap((part) => [NOT_UTF8, Buffer.from(part)]);
  return Buffer.concat(parts.slice(1));
}
