#!/usr/bin/env node
// Speed of storage on this machine: real chain, real provider process, one piece of 100 MiB. Build first: `npm run build`.
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as Piece from '@filoz/synapse-core/piece';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { createPieceDecryptor, createPieceEncryptor } from '../../dist/src/storage/index.js';
import { DEVNET_CHAIN_ID, startAnvil } from '../../dist/web3/devnet/anvil.js';
import { deployFoc } from '../../dist/web3/devnet/deploy-foc.js';
import { deployContracts, fund } from '../../dist/web3/devnet/deploy.js';
import { startProvider } from '../../dist/web3/devnet/provider.js';
import { freePort } from '../../dist/web3/devnet/service.js';
import { hashingWith, PieceHasher } from '../../dist/web3/filecoin/commp.js';
import { createPieceStore } from '../../dist/web3/filecoin/piece-store.js';
import { sendPiece } from '../../dist/web3/filecoin/store/send-piece.js';

const SIZE_MIB = 100;
const RUNS = 3;
const dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-bench-'));
const services = [];
try {
  const { store, provider } = await start();
  const plain = path.join(dir, 'plain');
  await fillRandom(plain);
  const runs = [];
  for (let i = 0; i < RUNS; i++) runs.push(await run(plain, store, provider));
  report(runs);
} finally {
  for (const service of services.reverse()) await service.stop();
  await rm(dir, { recursive: true, force: true });
}

async function start() {
  const anvil = await startAnvil({ dir: path.join(dir, 'chain'), port: await freePort() });
  services.push(anvil);
  const { rpcUrl } = anvil;
  const [deployer, payer] = [generatePrivateKey(), generatePrivateKey()].map(privateKeyToAccount);
  const [logOrigin, treasury, nobody] = ['log.example/bench', deployer.address, deployer.address];
  const log = { anchorSigners: [nobody], quorum: 1, logOrigin };
  const market = await deployContracts({ rpcUrl, deployer, treasury, protocolFeeBps: 0, ...log });
  const foc = await deployFoc({ rpcUrl, deployer, usdfc: market.usdfc });
  await fund({ rpcUrl, deployer, usdfc: market.usdfc, accounts: [payer.address], usdfcWei: 10n ** 19n });
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
    log: { origin: logOrigin, url: rpcUrl, vkey: 'x', anchorSigner: nobody },
    ceramic: { url: rpcUrl, controller: 'did:key:x', model: 'x' },
  };
  const networkFile = path.join(dir, 'network.json');
  const providerKeyFile = path.join(dir, 'provider.key');
  await writeFile(networkFile, JSON.stringify(network));
  await writeFile(providerKeyFile, generatePrivateKey(), { mode: 0o600 });
  const options = { port: await freePort(), networkFile, providerKeyFile, deployer };
  const provider = await startProvider({ dir: path.join(dir, 'provider'), ...options });
  services.push(provider);
  return { store: createPieceStore({ network, account: payer }), provider };
}

async function fillRandom(file) {
  const handle = await open(file, 'w');
  for (let i = 0; i < SIZE_MIB; i++) await handle.write(randomBytes(1 << 20));
  await handle.close();
}

/** One publish of the file and one read of it, each step timed in seconds. */
async function run(plain, store, provider) {
  const sealed = path.join(dir, 'sealed');
  const dataKey = randomBytes(32);
  const hasher = new PieceHasher();
  const encrypted = await timed(() =>
    pipeline(
      createReadStream(plain, { highWaterMark: 1 << 20 }),
      createPieceEncryptor({ dataKey }),
      hashingWith(hasher),
      createWriteStream(sealed),
    ),
  );
  const pieceCid = hasher.digest();
  const sent = await timed(() => sendPiece(provider.url, Piece.parse(pieceCid), sealed));
  const { size: sizeBytes } = await stat(sealed);
  const listed = await timed(() => store.upload({ pieceCid, sizeBytes }, sealed));
  const read = await timed(async () => {
    for await (const _ of store.download(pieceCid));
  });
  const opened = await timed(async () => {
    for await (const _ of createPieceDecryptor({ dataKey })(store.download(pieceCid)));
  });
  return { encrypted, sent, listed, read, opened };
}

/** Seconds by the clock, and of this process's processor time: on a busy machine they part, and the second one counts. */
async function timed(work) {
  const start = performance.now();
  const cpu = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
}

function report(runs) {
  const best = (steps, clock) => Math.min(...runs.map((r) => steps.reduce((sum, step) => sum + r[step][clock], 0)));
  const rate = (name, steps, target) => {
    const value = Math.round(SIZE_MIB / best(steps, 'wall'));
    return { name, value, unit: 'MiB/s', target: target ?? null, met: target === undefined ? null : value > target };
  };
  const plain = (name, value, unit) => ({ name, value, unit, target: null, met: null });
  const publish = ['encrypted', 'sent'];
  const figures = [
    rate('encrypt and piece CID, to a file', ['encrypted']),
    rate('transfer to the provider, hashed by both', ['sent']),
    rate('publish: encrypt, piece CID, transfer', publish, 60),
    plain('publish, by processor time of the client', Math.round(SIZE_MIB / best(publish, 'cpu')), 'MiB/s'),
    plain('listing on chain', round(best(['listed'], 'wall')), 's'),
    rate('download and verify', ['read']),
    rate('download, verify and decrypt', ['opened']),
    plain('memory of this process', Math.round(process.memoryUsage.rss() / 2 ** 20), 'MiB'),
    plain('load of the machine', round(loadavg()[0]), 'processes'),
  ];
  for (const { name, value, unit, target } of figures) {
    console.log(
      `${name.padEnd(44)} ${String(value).padStart(6)} ${unit}${target === null ? '' : ` (target ${target})`}`,
    );
  }
  const [cpu] = cpus();
  const machine = `${cpus().length} x ${cpu.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  console.log(JSON.stringify({ bench: 'storage', machine, figures }));
}

function round(seconds) {
  return Math.round(seconds * 100) / 100;
}
