// A log for load tools of others (Tessera's hammer and fsck, for instance): C2SP tlog-tiles at the root of its URL, and
// POST /add that takes any bytes from anybody. Its first line on stdout is {"url", "vkey"}; SIGTERM ends it cleanly.
//   npm run --silent bench -- log-server --port P --dir D
// Real: PostgreSQL (in D, all durable settings on), sequencer, publisher, HTTP server. Absent: chain and witnesses.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { MAX_ENTRY_BYTES } from '../../dist/src/provenance/index.js';
import { FolderStorage } from '../../dist/src/provenance/log/export/folder-storage.js';
import { LISTEN_BACKLOG, logApp, readRoutes } from '../../dist/src/provenance/log/http.js';
import { openDatabase, openPostgres, openSigner, startLog } from './support/log-host.mjs';

const { port, dir } = options();
// From the very beginning, so that a signal during the start ends what was started.
const told = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve);
});
const postgres = await openPostgres(dir);
const signer = openSigner(dir);
const storage = new FolderStorage(path.join(dir, 'tiles'));
const log = await startLog({ databaseUrl: await openDatabase(postgres, 'log'), signer, storage });
const app = logApp(pino({ name: 'log-server', level: 'warn' }, pino.destination(2)));
app.post('/add', async ({ body }, reply) => {
  const { index } = await log.service.append(body instanceof Uint8Array ? body : new Uint8Array());
  return reply.type('text/plain; charset=utf-8').send(String(index));
});
readRoutes(app, log.service);
await app.listen({ port, host: '127.0.0.1', backlog: LISTEN_BACKLOG });
console.log(JSON.stringify({ url: `http://127.0.0.1:${app.server.address().port}`, vkey: signer.vkey }));
console.error(`POST /add takes 0 to ${MAX_ENTRY_BYTES} bytes; state is in ${dir}`);

await told;
await app.close();
await log.stop();
await postgres.stop();

function options() {
  const { values } = parseArgs({ options: { port: { type: 'string' }, dir: { type: 'string' } } });
  const port = Number(values.port);
  if (values.dir !== undefined && Number.isInteger(port) && port >= 0 && port <= 65_535) {
    return { port, dir: path.resolve(values.dir) };
  }
  console.error('usage: npm run --silent bench -- log-server --port P --dir D');
  process.exit(2);
}
