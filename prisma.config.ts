import { defineConfig } from 'prisma/config';

/**
 * The stock CLI downloads its schema engine from a host that many machines cannot reach; ours runs the same engine as
 * WebAssembly from npm. Set `PRISMA_SCHEMA_ENGINE_BINARY` to use another.
 */
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= new URL('./scripts/prisma-schema-engine.mjs', import.meta.url).pathname;

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env.DATABASE_URL ?? '' },
});
