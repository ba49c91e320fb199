import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { format } from 'prettier';
import { beforeAll, describe, expect, it } from 'vitest';
import { trust } from '../../../test/support/noted-log.js';
import { storyReceipt } from '../../../test/support/story-receipt.js';
import { decodeUtf8 } from './canonical.js';
import { receiptJsonSchema, trustJsonSchema } from './json-schemas.js';

const docs = path.resolve(import.meta.dirname, '../../../docs');
const COMMITTED = [
  ['receipt.schema.json', receiptJsonSchema()],
  ['trust.schema.json', trustJsonSchema()],
] as const;

let receipt: unknown;
beforeAll(async () => {
  receipt = JSON.parse(decodeUtf8(await storyReceipt()));
});

describe('the JSON Schemas in docs/', () => {
  it.each(COMMITTED)('%s is what the code makes (update with: vitest run -u)', async (name, schema) => {
    const text = await format(JSON.stringify(schema), { parser: 'json', printWidth: 120 });
    await expect(text).toMatchFileSnapshot(path.join(docs, name));
  });

  it('accept a real receipt and trust file, and refuse one with a field more or less', () => {
    const load = (name: string): object => JSON.parse(readFileSync(path.join(docs, name), 'utf8')) as object;
    const valid = (name: string, value: unknown) => new Ajv2020({ validateFormats: false }).validate(load(name), value);
    expect(valid('receipt.schema.json', receipt)).toBe(true);
    expect(valid('trust.schema.json', trust)).toBe(true);
    expect(valid('receipt.schema.json', { ...(receipt as object), more: 1 })).toBe(false);
    expect(valid('receipt.schema.json', { ...(receipt as object), order: undefined })).toBe(false);
    expect(valid('trust.schema.json', { ...trust, recorder: 'somebody' })).toBe(false);
  });
});
