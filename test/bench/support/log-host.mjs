// A log of its own in a folder: embedded PostgreSQL with every durable setting on, keys, and the product's own sequencer.
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { toHex } from '../../../dist/src/kernel/index.js';
import { LogService } from '../../../dist/src/provenance/log/log-service.js';
import { noteSigner } from '../../../dist/src/provenance/log/signers.js';
import { startPostgres } from '../../../dist/web3/devnet/postgres.js';
import { freePort } from '../../../dist/web3/devnet/service.js';

export const ORIGIN = 'log.example/bench';

/** What a server of this size would be given; fsync, full_page_writes and synchronous_commit stay on, and are checked. */
const SETTINGS = {
  shared_buffers: '512MB',
  // A fresh cluster fills each new WAL segment with zeros first: keep and reuse what there is.
  min_wal_size: '2GB',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  wal_buffers: '64MB',
};

/** Starts PostgreSQL in `dir`, or finds it running there. */
export async function openPostgres(dir) {
  mkdirSync(dir, { recursive: true });
  const port = Number(kept(path.join(dir, 'postgres-port'), String(await freePort())));
  return startPostgres(path.join(dir, 'postgres'), port, SETTINGS);
}

/** Creates the database if it is absent. @returns its connection string */
export async function openDatabase(postgres, name) {
  const client = new pg.Client({ connectionString: postgres.url('postgres') });
  await client.connect();
  const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${name}`);
  await client.query('CHECKPOINT');
  await client.end();
  return postgres.url(name);
}

/** The log's Ed25519 key in `dir`, the same at every start. */
export function openSigner(dir) {
  const made = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return noteSigner(ORIGIN, kept(path.join(dir, 'log.pem'), made));
}

/** The product's log service, without a chain: nothing is anchored and nobody cosigns. Runs until `stop`. */
export async function startLog({ databaseUrl, signer, onBatch = () => {}, ...options }) {
  let active;
  const sequencing = new Promise((resolve) => (active = resolve));
  const service = new LogService(
    {
      databaseUrl,
      signer,
      readAnchor: async () => ({ size: 0, root: new Uint8Array(32) }),
      cosigner: {
        cosign: async ({ size, root, note }) => ({ size, root: toHex(root), note, signatures: [] }),
        assertNoneAhead: async () => {},
      },
      logKeys: [{ vkey: signer.vkey, fromSize: 0 }],
      checkpointMs: 1_000,
      onWaiting: (error) => console.error(error),
      onExportError: (error) => console.error(error),
      windowMs: 5,
      maxBatch: 2048,
      maxQueue: 16_384,
      depth: 2,
      events: { batch: onBatch, duplicates: () => {} },
      ...options,
    },
    { active, inactive: (error) => console.error(`not sequencing: ${error.message}`) },
  );
  const ended = service.run();
  await Promise.race([sequencing, ended]);
  return { service, stop: async () => (await service.stop(), await ended) };
}

/** The 50th and 99th percentile of a few fdatasync calls in `dir`, in ms: what every durable rate rests on. */
export function fsyncLatency(dir) {
  const program = `const fs=require('fs'),b=Buffer.alloc(8192,1),t=[];const f=fs.openSync(process.argv[1],'w');
    for(let i=0;i<200;i++){fs.writeSync(f,b,0,b.length,(i%64)*8192);const s=performance.now();fs.fdatasyncSync(f);t.push(performance.now()-s)}
    fs.closeSync(f);fs.unlinkSync(process.argv[1]);t.sort((x,y)=>x-y);console.log(JSON.stringify({p50:t[100],p99:t[198]}))`;
  return JSON.parse(
    execFileSync(process.execPath, ['-e', program, path.join(dir, 'fsync.probe')], { encoding: 'utf8' }),
  );
}

/** The contents of a file, which is written first if it is not there. */
function kept(file, text) {
  if (!existsSync(file)) writeFileSync(file, text, { mode: 0o600 });
  return readFileSync(file, 'utf8');
}
