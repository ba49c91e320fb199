// A process that sends so many MiB of shards as `publish` does, and nothing else: what it says of its memory is a publish's.
// node publish.mjs <folder> <network file> <key file> <MiB>; prints one line of JSON
import { createHash, randomFillSync } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { privateKeyToAccount } from 'viem/accounts';
import { encodeLayout, paddedBytes } from '../../../dist/src/storage/index.js';
import { createPieceStore } from '../../../dist/web3/filecoin/piece-store.js';
import { SealingThreads } from '../../../dist/web3/filecoin/sealing/sealing-threads.js';

const MIB = 2 ** 20;
const SHARD_BYTES = 24 * MIB;
const IN_FLIGHT = 3;
/** Of a table of so many columns, one row group a shard: what its index says. */
const COLUMNS = 64;
const FOOTER_BYTES = 8 << 10;
const block = Buffer.alloc(MIB);
const datasetId = `0x${'0d'.repeat(32)}`;
const [dir, networkFile, keyFile, size] = process.argv.slice(2);
const mebibytes = Number(size);
const network = JSON.parse(await readFile(networkFile, 'utf8'));
const account = privateKeyToAccount((await readFile(keyFile, 'utf8')).trim());

const threads = new SealingThreads();
const session = await createPieceStore({ network, account, copies: 1 }).open(mebibytes * MIB);
const count = Math.ceil((mebibytes * MIB) / SHARD_BYTES);
const files = [];
for (let i = 0; i < Math.min(count, 3); i++) files.push(await shardFile(i));

// As in a publish, whose threads hash the seller's file first: they have loaded their code by then.
await Promise.all(files.map(async (file) => threads.digest(file)));
let rssBytes = process.memoryUsage.rss();
const rssBeforeBytes = rssBytes;
const sampler = setInterval(() => (rssBytes = Math.max(rssBytes, process.memoryUsage.rss())), 20);
const cpu = process.cpuUsage();
const from = performance.now();
const flying = new Set();
const pieces = [];
for (let number = 0; number < count; number++) {
  const one = sendShard(files[number % files.length], number).then((piece) => (pieces[number] = piece));
  flying.add(one);
  void one.finally(() => flying.delete(one)).catch(() => undefined);
  if (flying.size >= IN_FLIGHT) await Promise.race(flying);
}
await Promise.all(flying);
const sentMs = performance.now() - from;
const { user, system } = process.cpuUsage(cpu);
clearInterval(sampler);
const committing = performance.now();
await session.commit(pieces.map(({ pieceCid, sizeBytes }) => ({ pieceCid, sizeBytes })));
const commitMs = performance.now() - committing;
await threads.close();
const cpuMs = (user + system) / 1000;
const movedMib = (count * SHARD_BYTES) / MIB;
console.log(JSON.stringify({ movedMib, sentMs, cpuMs, rssBytes, rssBeforeBytes, commitMs, pieces }));

async function shardFile(number) {
  const file = path.join(dir, `shard-${number}`);
  const handle = await open(file, 'w');
  for (let left = SHARD_BYTES - 100; left > 0; left -= MIB) {
    await handle.write(randomFillSync(block), 0, Math.min(MIB, left));
  }
  await handle.close();
  return file;
}

/** Hashed for its name, encrypted, hashed for its CID, sent. Each has a key and a name of its own, so none is sent twice. */
async function sendShard(file, number) {
  const { size: dataBytes } = await stat(file);
  const digest = await threads.digest(file);
  const shardId = `0x${createHash('sha256').update(`${digest} ${number} ${mebibytes}`).digest('hex')}`;
  const header = { datasetId, shardId, frameBytes: 1 << 18, plaintextBytes: paddedBytes(dataBytes) };
  const key = createHash('sha256').update(shardId).digest();
  const sealed = threads.seal(
    file,
    dataBytes,
    Uint8Array.from(key),
    { ...header, nonceBase: new Uint8Array(7) },
    layoutOf(dataBytes),
  );
  let sizeBytes = 0;
  await session.send(
    (async function* () {
      for await (const block of sealed.bytes) {
        sizeBytes += block.length;
        yield block;
      }
    })(),
    sealed.pieceCid,
  );
  return { pieceCid: sealed.pieceCid(), sizeBytes, shardId, key: key.toString('hex'), dataBytes };
}

function layoutOf(dataBytes) {
  const footerFrom = dataBytes - FOOTER_BYTES;
  const bytes = Math.floor(footerFrom / COLUMNS);
  const chunks = Array.from({ length: COLUMNS }, (_, column) => ({ from: column * bytes, bytes }));
  return encodeLayout({ dataBytes, footerFrom, rowGroups: [chunks] });
}
