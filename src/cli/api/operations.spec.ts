import { readFileSync } from 'node:fs';
import { buildSchema, parse, validate } from 'graphql';
import { expect, it } from 'vitest';
import type { Operation } from './graphql.js';
import * as operations from './operations.js';

const schema = buildSchema(readFileSync(new URL('../../../schema.graphql', import.meta.url), 'utf8'));
const documents = Object.entries(operations).map(([name, operation]): [string, string] => [
  name,
  typeof operation === 'string' ? operation : (operation as Operation<never>).document,
]);

it.each(documents)('%s fits the committed schema', (_name, document) => {
  expect(validate(schema, parse(document)).map(({ message }) => message)).toEqual([]);
});
