// The relay of a worker, alone in a process: follows a log over HTTP, and tells its parent of every batch that is on Ceramic.
import { once } from 'node:events';
import pg from 'pg';
import { createHttpLogClient } from '../../../dist/src/provenance/index.js';
import { LogRecordSource, PgRelayStore, RelayFollower } from '../../../dist/src/provenance/relay/index.js';
import { createRecordStreams } from '../../../dist/web3/ceramic/record-streams.js';

const { logUrl, databaseUrl, ceramicUrl, origin, seed, waits = false } = JSON.parse(process.argv[2]);
const pool = new pg.Pool({ connectionString: databaseUrl });
const streams = await createRecordStreams({ url: ceramicUrl, seed: Buffer.from(seed, 'hex') });
await streams.ensureModel();
const follower = new RelayFollower(
  new LogRecordSource(createHttpLogClient({ url: logUrl, compressed: false })),
  new PgRelayStore(pool),
  streams,
  {
    origin,
    onPublished: ({ records }) => process.send({ indexes: records.map(({ index }) => index), atMs: Date.now() }),
    onFailed: (_, error) => console.error(error),
    onError: (error) => console.error(error),
  },
);
process.on('message', () => follower.start());
if (!waits) follower.start();
process.send({ ready: true });
await once(process, 'SIGTERM');
await follower.stop();
await pool.end();
process.exit(0);
