// Real: PostgreSQL, Prisma's schema engine, every migration.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { prisma } from '../../scripts/prisma.mjs';
import { startTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(() => database?.stop());

it('makes by its migrations the very tables that the Prisma schema declares', () => {
  const diff = ['migrate', 'diff', '--from-config-datasource', '--to-schema', 'prisma/schema.prisma', '--exit-code'];
  expect(() => prisma(diff, { databaseUrl: database.url })).not.toThrow();
});
