#!/usr/bin/env node
// Stands in for Prisma's native `schema-engine`: same arguments, same line-delimited JSON-RPC on standard input and
// output, but the engine is @prisma/schema-engine-wasm over a JavaScript driver, so nothing is downloaded from
// outside the npm registry. prisma.config.ts points PRISMA_SCHEMA_ENGINE_BINARY here.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import { Client } from 'pg';

// Of the catalog type "char" (oid 18), which the engine's describer reads and adapter-pg 7.10 cannot map.
const CHAR_OID = 18;
const TEXT_OID = 25;

const { values: flags, positionals } = parseArgs({
  options: {
    datasource: { type: 'string' },
    datamodels: { type: 'string', multiple: true },
    'enabled-preview-features': { type: 'string' },
    'extension-types': { type: 'string' },
  },
  allowPositionals: true,
});
const datasource = flags.datasource ? JSON.parse(flags.datasource) : {};
const url = datasource.url ?? process.env.DATABASE_URL;

if (positionals[0] === 'cli') await answerOnce(positionals[1]);
else serve();

/** `schema-engine cli <command>`: one database check, told by exit code. The CLI parses all but the first line of stderr. */
async function answerOnce(command) {
  try {
    if (command === 'can-connect-to-database') await withClient(url, () => undefined);
    else if (command === 'create-database') await createDatabase();
    else if (command === 'drop-database') await admin((name) => `drop database if exists ${name}`);
    process.exit(0);
  } catch (error) {
    const code = { '3D000': 'P1003', '42P04': 'P1009', '28P01': 'P1000' }[error.code] ?? 'P1001';
    const message = String(error.message || error.code);
    const fields = { is_panic: false, error_code: code, message, meta: {} };
    process.stderr.write(`\n${JSON.stringify({ level: 'ERROR', target: 'schema_engine::logger', fields })}`);
    process.exit(1);
  }
}

/** Answers requests one at a time, in order, until standard input ends. */
function serve() {
  let engine;
  const getEngine = async () => (engine ??= await loadEngine());
  const own = {
    createDatabase,
    ensureConnectionValidity: async () => withClient(url, () => ({})),
    dbExecute: async ({ script }) => withClient(url, async (client) => void (await client.query(script))),
    getDatabaseVersion: async (params) => (await getEngine()).version(params),
    diff: async (params) => {
      const result = await (await getEngine()).diff(params);
      if (result.stdout) print(result.stdout);
      return result;
    },
  };
  let pending = Promise.resolve();
  const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
  lines.on('line', (line) => {
    pending = pending.then(async () => {
      const { id, method, params } = JSON.parse(line);
      if (!method) return undefined; // the CLI's answer to a print request
      try {
        const result = own[method] ? await own[method](params ?? {}) : await (await getEngine())[method](params ?? {});
        send({ id, result: result ?? {} });
      } catch (error) {
        send({ id, error: asRpcError(error) });
      }
      return undefined;
    });
  });
  lines.on('close', () => void pending.finally(() => process.exit(0)));
}

async function loadEngine() {
  const require = createRequire(import.meta.url);
  const bindings = await import('@prisma/schema-engine-wasm/schema_engine_bg');
  const wasm = require.resolve('@prisma/schema-engine-wasm/schema_engine_bg').replace(/\.js$/, '.wasm');
  const { instance } = await WebAssembly.instantiate(readFileSync(wasm), { './schema_engine_bg.js': bindings });
  bindings.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  const datamodels = flags.datamodels?.map((file) => [file, readFileSync(file, 'utf8')]);
  return bindings.SchemaEngine.new({ datamodels }, () => {}, adapterFactory());
}

let adapters;
function adapterFactory() {
  const schema = url ? (new URL(url).searchParams.get('schema') ?? 'public') : 'public';
  const main = new PrismaPg(connectionOf(url), { schema });
  adapters = bindMigrationAwareSqlAdapterFactory({
    provider: main.provider,
    adapterName: main.adapterName,
    connect: async () => readCharColumns(await main.connect()),
    // Not adapter-pg's own: given a connection string it ends up on the main database, and it drops before its pool closes.
    connectToShadowDb: async () => {
      if (datasource.shadowDatabaseUrl) {
        return readCharColumns(await new PrismaPg(connectionOf(datasource.shadowDatabaseUrl), { schema }).connect());
      }
      const database = `prisma_migrate_shadow_db_${randomUUID()}`;
      await admin(() => `create database "${database}" template template0`);
      const adapter = await new PrismaPg({ ...connectionOf(url), database }, { schema }).connect();
      const dispose = adapter.dispose.bind(adapter);
      adapter.dispose = async () => {
        await dispose();
        await admin(() => `drop database if exists "${database}" with (force)`);
      };
      return readCharColumns(adapter);
    },
  });
  return adapters;
}

/** Teaches one adapter to hand "char" columns over as characters. */
function readCharColumns(adapter) {
  const { performIO, queryRaw } = adapter;
  adapter.performIO = async function (query) {
    const result = await performIO.call(this, query);
    query.charColumns = [];
    result.fields?.forEach((field, i) => {
      if (field.dataTypeID !== CHAR_OID) return;
      field.dataTypeID = TEXT_OID;
      query.charColumns.push(i);
    });
    return result;
  };
  adapter.queryRaw = async function (query) {
    const result = await queryRaw.call(this, query);
    for (const i of query.charColumns ?? []) result.columnTypes[i] = ColumnTypeEnum.Character;
    return result;
  };
  return adapter;
}

/** Parts of a connection string: an adapter that gets the string itself ignores a database given beside it. */
function connectionOf(text) {
  if (!text) return {};
  const { host, port, user, password, database, ssl } = new Client({ connectionString: text });
  return { host, port, user, password: password ?? undefined, database, ssl };
}

async function withClient(connectionString, use) {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Runs one statement about the database itself, from the maintenance database of its server. */
async function admin(statement) {
  const maintenance = new URL(url);
  const name = `"${decodeURIComponent(maintenance.pathname.slice(1)).replaceAll('"', '""')}"`;
  maintenance.pathname = '/postgres';
  return withClient(maintenance.toString(), (client) => client.query(statement(name)));
}

/** Creates the database. Two that start together may both try: the loser finds it there (42P04, or 23505 in the race). */
async function createDatabase() {
  try {
    await admin((name) => `create database ${name}`);
  } catch (error) {
    if (error.code !== '42P04' && error.code !== '23505') throw error;
  }
  return { databaseName: decodeURIComponent(new URL(url).pathname.slice(1)) };
}

function send(message) {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
}

function print(content) {
  send({ id: `print-${randomUUID()}`, method: 'print', params: { content } });
}

/** The engine names a failed adapter call by a number; the adapter registry has the error behind it. */
function asRpcError(error) {
  const number = /external error.*?(\d+)/i.exec(String(error.message))?.[1];
  const inner = number === undefined ? undefined : adapters?.errorRegistry.consumeError?.(Number(number))?.error;
  const message = inner ? String(inner.message ?? JSON.stringify(inner)) : String(error.message ?? error);
  const data = { is_panic: false, message, error_code: error.code, meta: error.meta };
  return { code: 4466, message: 'An error happened. Check the data field for details.', data };
}
