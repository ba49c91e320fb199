#!/usr/bin/env node
// Speed of storage on this machine: real chain, real provider process, the threads and the store that `publish` uses.
// npm run --silent bench -- storage [--sizes 256,1024,4096]   sizes in MiB; peer and download run at the first. The target is of 1 GiB
// and more: below that, warming up is a good part of it.
//   --csv 100,1024   MiB of CSV for the memory of the whole command, on a devnet of its own; --csv 0 for none
//   --only memory    the latter alone
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import * as SP from '@filoz/synapse-core/sp';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { release } from '../../dist/src/kernel/index.js';
import { indexKeyOf, readAhead, openShard, readColumns, wrapShardKey } from '../../dist/src/storage/index.js';
import { DEVNET_CHAIN_ID, startAnvil } from '../../dist/web3/devnet/anvil.js';
import { deployFoc } from '../../dist/web3/devnet/deploy-foc.js';
import { deployContracts, fund } from '../../dist/web3/devnet/deploy.js';
import { startProvider } from '../../dist/web3/devnet/provider.js';
import { freePort } from '../../dist/web3/devnet/service.js';
import { PieceHasher } from '../../dist/web3/filecoin/commp.js';
import { createPieceStore } from '../../dist/web3/filecoin/piece-store.js';
import { hashInThread } from '../../dist/web3/filecoin/store/hash-in-thread.js';
import { measureWholePublishes } from './storage/whole-publish.mjs';

const MIB = 2 ** 20;
const PEER_MIB = 16;
/** Of /proc: USER_HZ is 100 on every Linux. */
const TICK_MS = 10;
const ids = { keyId: `0x${'0a'.repeat(32)}`, datasetId: `0x${'0d'.repeat(32)}` };
const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1024' },
    csv: { type: 'string', default: '100,1024' },
    only: { type: 'string' },
  },
});
const sizes = values.sizes.split(',').map(Number);
const say = (text) => console.error(text);
const figures = [];
const figure = (name, value, unit, target = null, met = null) => {
  const rounded = Math.round(value * 100) / 100;
  figures.push({ name, value: rounded, unit, target, met });
  say(`${name}: ${rounded} ${unit}${met === null ? '' : ` (target ${String(target)})`}`);
};

const dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-bench-'));
const services = [];
try {
  if (values.only !== 'memory') await measureTransfers();
  const csvSizes = values.csv.split(',').map(Number).filter(Boolean);
  if (csvSizes.length > 0) await measureWholePublishes({ dir, sizes: csvSizes, say, figure });
  figure('load of the machine', loadavg()[0], 'processes');
} finally {
  for (const service of services.reverse()) await service.stop();
  await rm(dir, { recursive: true, force: true });
}
const machine = `${cpus().length} x ${cpus()[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
console.log(JSON.stringify({ bench: 'storage', machine, figures }));

async function measureTransfers() {
  const net = await start();
  measureCommp();
  let first;
  for (const mebibytes of sizes) {
    const sent = await measurePublish(net, mebibytes);
    first ??= sent;
  }
  await measurePeer(net, first.rate);
  await measureDownload(net, first.pieces);
  await measureColumns(net, first.pieces);
}

async function start() {
  const anvil = await startAnvil({ dir: path.join(dir, 'chain'), port: await freePort() });
  services.push(anvil);
  const { rpcUrl } = anvil;
  const payerKey = generatePrivateKey();
  const [deployer, payer] = [generatePrivateKey(), payerKey].map((key) => privateKeyToAccount(key));
  const [logOrigin, treasury, nobody] = ['log.example/bench', deployer.address, deployer.address];
  const log = { anchorSigners: [nobody], quorum: 1, logOrigin };
  const market = await deployContracts({ rpcUrl, deployer, treasury, protocolFeeBps: 0, ...log });
  const foc = await deployFoc({ rpcUrl, deployer, usdfc: market.usdfc });
  await fund({ rpcUrl, deployer, usdfc: market.usdfc, accounts: [payer.address], usdfcWei: 10n ** 20n });
  const network = {
    version: 1,
    name: 'bench',
    chainId: DEVNET_CHAIN_ID,
    rpcUrl,
    apiUrl: rpcUrl,
    contracts: { ...market, ...foc, keyNodeStaking: nobody },
    operator: nobody,
    recorder: nobody,
    treasury,
    protocolFeeBps: 0,
    log: { origin: logOrigin, url: rpcUrl, vkeys: [{ vkey: 'x', fromSize: 0 }] },
    witnesses: { quorum: 0, members: [] },
    ceramic: { url: rpcUrl, controller: 'did:key:x', model: 'x' },
  };
  const networkFile = path.join(dir, 'network.json');
  const providerKeyFile = path.join(dir, 'provider.key');
  await writeFile(networkFile, JSON.stringify(network));
  await writeFile(providerKeyFile, generatePrivateKey(), { mode: 0o600 });
  const options = { port: await freePort(), networkFile, providerKeyFile, deployer };
  const provider = await startProvider({ dir: path.join(dir, 'provider'), ...options });
  services.push(provider);
  const payerKeyFile = path.join(dir, 'payer.key');
  await writeFile(payerKeyFile, payerKey, { mode: 0o600 });
  return { networkFile, payerKeyFile, store: createPieceStore({ network, hashing: hashInThread() }), provider };
}

/**
 * The piece CID alone, by the clock and by processor time: on a busy machine they part, and the second one counts. Both ends of a
 * transfer hash every byte of it: what the cores allow if they did nothing else is what no transfer on this machine can pass.
 */
function measureCommp() {
  const bytes = randomBytes(MIB);
  const mebibytes = 256;
  const hasher = new PieceHasher();
  const [from, cpu] = [performance.now(), process.cpuUsage()];
  for (let i = 0; i < mebibytes; i++) hasher.write(bytes);
  hasher.digest();
  const wall = mebibytes / ((performance.now() - from) / 1000);
  const { user, system } = process.cpuUsage(cpu);
  const byCpu = mebibytes / ((user + system) / 1e6);
  figure('piece CID alone, one thread', wall, 'MiB/s', 'at least 250', wall >= 250);
  figure('piece CID alone, by processor time', byCpu, 'MiB/s');
  figure(
    `roofline: both ends hash, on ${cpus().length} cores, and do nothing else`,
    (byCpu * cpus().length) / 2,
    'MiB/s',
  );
}

/** One shard after the other, in a process of its own: its memory is what a publish takes. */
async function measurePublish({ networkFile, payerKeyFile, provider }, mebibytes) {
  const script = path.join(import.meta.dirname, 'storage', 'publish.mjs');
  const providerFrom = cpuMsOf(provider.pid);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [script, dir, networkFile, payerKeyFile, String(mebibytes)],
    { maxBuffer: 64 * MIB },
  );
  const { movedMib, sentMs, cpuMs, rssBytes, rssBeforeBytes, commitMs, pieces } = JSON.parse(stdout);
  const rate = movedMib / (sentMs / 1000);
  const of = `${mebibytes} MiB`;
  figure(
    `publish ${of}: shards to the provider (name, encrypt, piece CID, transfer, verified there)`,
    rate,
    'MiB/s',
    'at least 200',
    rate >= 200,
  );
  figure(`publish ${of}: the same, by processor time of the client`, movedMib / (cpuMs / 1000), 'MiB/s');
  ceiling(`publish ${of}`, movedMib, cpuMs + cpuMsOf(provider.pid) - providerFrom);
  figure(`publish ${of}: memory at its highest`, rssBytes / 1e6, 'MB', 'at most 300', rssBytes <= 300e6);
  figure(`publish ${of}: memory before the first shard`, rssBeforeBytes / 1e6, 'MB');
  figure(`publish ${of}: ${pieces.length} pieces on chain`, commitMs / 1000, 's');
  return { rate, pieces };
}

/** The SDK's own upload path, which hashes in JavaScript: the peer. */
async function measurePeer({ provider }, ours) {
  const bytes = randomBytes(PEER_MIB * MIB);
  const from = performance.now();
  const sent = await SP.uploadPieceStreaming({ serviceURL: provider.url, data: Uint8Array.from(bytes) });
  const rate = PEER_MIB / ((performance.now() - from) / 1000);
  if (sent.pieceCid.toString() !== new PieceHasher().write(bytes).digest()) {
    throw new Error('the SDK computes another piece CID');
  }
  figure(`the SDK's own upload path, ${PEER_MIB} MiB`, rate, 'MiB/s');
  figure("publish against the SDK's own upload path", ours / rate, 'times', 'at least 20', ours / rate >= 20);
}

/**
 * From the provider into the worker's pipe, verified against the CID first; and decrypted, as the sandbox does it. One piece ahead,
 * as the worker reads them.
 */
async function measureDownload({ store, provider }, pieces) {
  const some = pieces.slice(0, 10);
  const moved = some.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) / MIB;
  const { signal } = new AbortController();
  const rate = async (name, work) => {
    const sources = readAhead(
      some.map(
        ({ pieceCid }) =>
          (stop) =>
            store.download(pieceCid, stop),
      ),
    );
    const [from, cpu, providerFrom] = [performance.now(), process.cpuUsage(), cpuMsOf(provider.pid)];
    for (const [i, piece] of some.entries()) await work(piece, sources[i](signal));
    const ms = performance.now() - from;
    const { user, system } = process.cpuUsage(cpu);
    ceiling(name, moved, (user + system) / 1000 + cpuMsOf(provider.pid) - providerFrom);
    return moved / (ms / 1000);
  };
  const verified = await rate('download, verified', async (_piece, source) => {
    for await (const _ of source);
  });
  const versionKey = randomBytes(32);
  const opened = await rate('download, verified and decrypted', async ({ shardId, key: hex }, source) => {
    const key = Buffer.from(hex, 'hex');
    const place = { keyId: ids.keyId, shardId, number: 0, count: 1 };
    const access = { versionKey, datasetId: ids.datasetId, place, wrappedKey: wrapShardKey(versionKey, place, key) };
    for await (const plaintext of openShard(source, access)) release(plaintext);
  });
  figure('download, verified against the piece CID, one copy', verified, 'MiB/s');
  figure('download, verified and then decrypted', opened, 'MiB/s', 'at least 200', opened >= 200);
}

/** Five of 64 columns, verified like the whole: beside each other, and all over the table. In turns with whole pieces. */
async function measureColumns({ store }, pieces) {
  const some = pieces.slice(0, 10);
  const { signal } = new AbortController();
  const whole = async () => {
    for (const { pieceCid } of some) for await (const _ of store.download(pieceCid, signal));
  };
  let bytes = 0;
  const counted = {
    part: async (...args) => {
      const part = await store.part(...args);
      bytes += part.length;
      return part;
    },
    blocks: (pieceCid, known, runs, stop) => {
      const atHand = known.roots.length / 32;
      for (const { first, last } of runs) bytes += Math.max(0, Math.min(last + 1, atHand) - first) * 260_096;
      return store.blocks(pieceCid, known, runs, stop);
    },
  };
  const columns = async (wanted) => {
    for (const { pieceCid, shardId, key } of some) {
      const indexKey = indexKeyOf(Buffer.from(key, 'hex'), shardId);
      const read = await readColumns(counted, pieceCid, indexKey, wanted, signal);
      for await (const _ of read.frames);
    }
  };
  const timed = async (work) => {
    const from = performance.now();
    await work();
    return (performance.now() - from) / 1000;
  };
  const all = some.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const ways = { neighbours: [20, 21, 22, 23, 24], 'far apart': [3, 17, 29, 44, 60] };
  for (const [name, wanted] of Object.entries(ways)) {
    bytes = 0;
    const [wholeS, partS] = [await timed(whole), await timed(async () => columns(wanted))];
    const of = `5 of 64 columns, ${name}`;
    figure(`${of}: bytes fetched, of the whole`, (bytes / all) * 100, '%');
    figure(`${of}: against the whole, both verified`, wholeS / partS, 'times as fast');
  }
}

/** What the cores allow for the work that both ends did, if they had never waited. */
function ceiling(name, mebibytes, cpuMs) {
  if (Number.isNaN(cpuMs)) return;
  figure(`${name}: ceiling by the processor time of both ends`, mebibytes / (cpuMs / 1000 / cpus().length), 'MiB/s');
}

/** Processor time of a process so far; NaN where there is no /proc. */
function cpuMsOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13);
    return (Number(user) + Number(system)) * TICK_MS;
  } catch {
    return Number.NaN;
  }
}
