import { z } from 'zod';
import { receiptSchema } from './receipt-schema.js';
import { trustSchema } from './trust.js';

/** JSON Schema (2020-12) of `receipt.json`, for readers in other languages. Form only: `verifyReceipt` is the judge. */
export function receiptJsonSchema(): object {
  return { title: 'Weighbridge receipt, version 1', ...z.toJSONSchema(receiptSchema, { io: 'input' }) };
}

/** JSON Schema (2020-12) of `trust.json`. */
export function trustJsonSchema(): object {
  return { title: 'Weighbridge trust file, version 1', ...z.toJSONSchema(trustSchema, { io: 'input' }) };
}
