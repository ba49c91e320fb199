import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { featureSchema } from './features.js';
import { storedBytes } from './stored-bytes.js';

// The trainer's own test of stored.py reads the same file.
const file = new URL('../../../workers/trainer/tests/golden/stored.json', import.meta.url);
const cases = z
  .array(z.object({ name: z.string(), dtype: z.string(), features: z.array(featureSchema), stored: z.string() }))
  .parse(JSON.parse(readFileSync(file, 'utf8')));
const BYTES: Record<string, number> = { bool: 1, uint8: 1, int8: 1, uint16: 2, int16: 2, int32: 4, float32: 4 };

it.each(cases)('what the trainer keeps $name in: $stored', ({ dtype, features, stored }) => {
  expect(storedBytes(dtype, features)).toBe(BYTES[stored]);
});
