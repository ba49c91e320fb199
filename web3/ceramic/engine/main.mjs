#!/usr/bin/env node
// The Ceramic engine as a process of its own.
//   CERAMIC_DIR   where its state lives (required)
//   CERAMIC_PORT  TCP port (required)
//   CERAMIC_HOST  address to listen on; 127.0.0.1 unless set
// Ready when GET /api/v0/node/healthcheck answers 200. SIGTERM and SIGINT close it cleanly; SIGKILL loses nothing that
// was acknowledged.
import path from 'node:path';

/** @returns {never} */
function fail(message) {
  console.error(message);
  process.exit(1);
}

const dir = process.env.CERAMIC_DIR ?? fail('CERAMIC_DIR is not set: name the folder of the node.');
const port = Number(process.env.CERAMIC_PORT ?? fail('CERAMIC_PORT is not set: name a TCP port.'));
if (!Number.isInteger(port) || port < 1 || port > 65_535)
  fail(`CERAMIC_PORT is not a TCP port: ${process.env.CERAMIC_PORT}`);

// js-ceramic reads this when it is imported: without it, it would expect a ceramic-one process beside it.
process.env.IPFS_FLAVOR = 'go';
const { openNode } = await import('./node.mjs');
const { httpServer } = await import('./http.mjs');

async function start() {
  const node = await openNode(path.resolve(dir));
  const server = httpServer(node.ceramic);
  await server.listen({ port, host: process.env.CERAMIC_HOST ?? '127.0.0.1' });
  return { node, server };
}

const { node, server } = await start().catch((error) =>
  fail(
    error.cause?.code === 'LEVEL_LOCKED'
      ? `Ceramic engine: another one runs in ${dir}. End it, or name another folder in CERAMIC_DIR.`
      : `Ceramic engine: ${error.message}`,
  ),
);
console.log(JSON.stringify({ ready: true, pid: process.pid, startedMs: Math.round(performance.now()) }));

let stopping = false;
async function stop() {
  if (stopping) return;
  stopping = true;
  await server.close();
  await node.close();
  process.exit(0);
}
process.on('SIGTERM', () => void stop());
process.on('SIGINT', () => void stop());
