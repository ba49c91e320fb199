// Real: the whole witness but its process: HTTP by injection, both keys, the SQLite file. Faked: the clock.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import { privateKeyToAccount } from 'viem/accounts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NotingLog } from '../../test/support/noting-log.js';
import { fromHex } from '../../src/kernel/index.js';
import {
  anchorDigest,
  findChainSignature,
  formatAddCheckpoint,
  parseAnyCheckpoint,
  parseNote,
  parseSignatureLines,
  parseVerifierKey,
  readEd25519Key,
  verifyNoteSignature,
} from '../../src/provenance/witness/index.js';
import { CheckpointStore } from './checkpoint-store.js';
import { initWitness } from './init.js';
import { parseLogs } from './known-logs.js';
import { createServer } from './server.js';
import { witnessSigner, type WitnessSigner } from './witness-signer.js';

const ANCHOR = { chainId: 31_337, contract: '0x00000000000000000000000000000000000000a1' } as const;
const TIME_S = 1_790_000_000;

let dir: string;
let files: Parameters<typeof initWitness>[0];
let log: NotingLog;
let signer: WitnessSigner;
let store: CheckpointStore;
let app: FastifyInstance;
let nowMs: number;
const lines: string[] = [];

beforeEach(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-witness-'));
  const at = (name: string): string => path.join(dir, name);
  files = { name: 'witness.example/w1', keyFile: at('key.pem'), chainKeyFile: at('chain'), stateFile: at('state') };
  initWitness(files);
  log = new NotingLog().grow(7);
  nowMs = TIME_S * 1000 + 999;
  lines.length = 0;
  await start();
});
afterEach(async () => {
  await stop();
  rmSync(dir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  const account = privateKeyToAccount(readFileSync(files.chainKeyFile, 'utf8').trim() as `0x${string}`);
  signer = witnessSigner(files.name, readEd25519Key(readFileSync(files.keyFile, 'utf8'), 'WITNESS_KEY_FILE'), account);
  store = CheckpointStore.open(files.stateFile, signer.vkey);
  const plain = new NotingLog('log.example/without-a-chain', PLAIN_PEM);
  const logs = parseLogs(
    JSON.stringify([
      { origin: log.origin, vkeys: [log.vkey], anchor: ANCHOR },
      { origin: plain.origin, vkeys: [plain.vkey] },
    ]),
  );
  const logger = pino({ level: 'error' }, { write: (line: string) => lines.push(line) });
  app = await createServer({ log: logger, logs, store, signer, nowMs: () => nowMs });
}

async function stop(): Promise<void> {
  await app.close();
  store.close();
}

const PLAIN_PEM =
  '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n-----END PRIVATE KEY-----\n';

async function ask(body: string | Uint8Array, headers: Record<string, string> = {}) {
  const payload = Buffer.from(body);
  const {
    statusCode,
    body: text,
    headers: got,
  } = await app.inject({ method: 'POST', url: '/add-checkpoint', payload, headers });
  return { status: statusCode, text, type: got['content-type'] };
}

describe('POST /add-checkpoint', () => {
  it('answers signature lines of both keys over what it was shown, and C2SP clients can read them', async () => {
    const { status, text, type } = await ask(log.ask(0));
    expect({ status, type }).toEqual({ status: 200, type: 'text/plain; charset=utf-8' });
    const signatures = parseSignatureLines(text);
    const [cosignature, chainSignature] = signatures;
    expect(signatures).toHaveLength(2);
    // "The client MAY concatenate it to the checkpoint": the whole is a note, and the first line verifies by the vkey.
    const note = parseNote(log.note() + text);
    expect(cosignature && verifyNoteSignature(note.text, cosignature, parseVerifierKey(signer.vkey))).toBe(true);
    expect(new DataView(cosignature?.signature.slice(0, 8).buffer ?? new ArrayBuffer(0)).getBigUint64(0)).toBe(
      BigInt(TIME_S),
    );
    const digest = anchorDigest(ANCHOR, parseAnyCheckpoint(note.text));
    expect(await findChainSignature(signatures, signer, digest)).toMatch(/^0x[0-9a-f]{130}$/);
    expect(chainSignature?.name).toBe(signer.name);
    expect(chainSignature?.keyHash).not.toBe(cosignature?.keyHash);
    const elsewhere = anchorDigest({ ...ANCHOR, chainId: 1 }, parseAnyCheckpoint(note.text));
    expect(await findChainSignature(signatures, signer, elsewhere)).toBeUndefined();
  });

  it('cosigns a log without a contract in C2SP’s form alone, extension lines and all', async () => {
    const plain = new NotingLog('log.example/without-a-chain', PLAIN_PEM).grow(3);
    expect(parseSignatureLines((await ask(plain.ask(0))).text)).toHaveLength(1);
    const key = readEd25519Key(PLAIN_PEM, 'x');
    const text = `${plain.origin}\n5\n${Buffer.from(fromHex(plain.grow(2).tree.root())).toString('base64')}\nanything at all\n`;
    const { sign } = await import('node:crypto');
    const { keyHash, name } = parseVerifierKey(plain.vkey);
    const signature = Buffer.concat([fromHex(keyHash), sign(null, Buffer.from(text), key.privateKey)]).toString(
      'base64',
    );
    const proof = plain.tree.consistency(3, 5).map(fromHex);
    const { status, text: answer } = await ask(
      formatAddCheckpoint({ oldSize: 3, proof, note: `${text}\n— ${name} ${signature}\n` }),
    );
    expect(status).toBe(200);
    const [cosignature] = parseSignatureLines(answer);
    expect(cosignature && verifyNoteSignature(text, cosignature, parseVerifierKey(signer.vkey))).toBe(true);
  });

  it('follows a log as it grows, and answers a repeat', async () => {
    let old = 0;
    for (const size of [0, 1, 2, 3, 7, 8, 64, 65, 200]) {
      if (log.tree.size < size) log.grow(size - log.tree.size);
      expect((await ask(log.ask(old, size))).status, `${old} -> ${size}`).toBe(200);
      expect((await ask(log.ask(size, size))).status, `${size} again`).toBe(200);
      old = size;
    }
  });

  it('keeps what it cosigned over a restart', async () => {
    await ask(log.ask(0));
    await stop();
    await start();
    expect(await ask(log.ask(0))).toEqual({ status: 409, text: '7\n', type: 'text/x.tlog.size' });
    expect((await ask(log.ask(7))).status).toBe(200);
  });

  it('404: a log that it does not watch', async () => {
    expect(await ask(new NotingLog('log.example/other').grow(1).ask(0))).toMatchObject({ status: 404 });
  });

  it('403: nobody signed whom it trusts', async () => {
    const impostor = new NotingLog(log.origin).grow(7);
    expect(await ask(impostor.ask(0))).toMatchObject({ status: 403 });
    // A line with the key's name and id, and another signature.
    const forged = log
      .ask(0)
      .replace(/(— \S+ \S{20})(.)/, (_all, head: string, c: string) => head + (c === 'A' ? 'B' : 'A'));
    expect(await ask(forged)).toMatchObject({ status: 403 });
    // Beside a right one too: signed-note has it spoil the note.
    const [wrong, right] = [forged, log.ask(0)].map((request) => request.slice(request.indexOf('— ')));
    expect(await ask(forged + right)).toMatchObject({ status: 403 });
    expect(await ask(log.ask(0) + wrong)).toMatchObject({ status: 403 });
    expect(await ask(log.ask(0).replace('\n7\n', '\n8\n'))).toMatchObject({ status: 403 });
    expect(store.latest(log.origin)).toBeUndefined();
  });

  it('ignores signatures of others beside the log’s, and forgets them', async () => {
    const note = `${log.note()}— stranger.example ${Buffer.alloc(68).toString('base64')}\n`;
    expect((await ask(formatAddCheckpoint({ oldSize: 0, proof: [], note }))).status).toBe(200);
    expect(store.latest(log.origin)?.note).toBe(log.note());
  });

  it('400: what is no request, or an old size beyond the checkpoint', async () => {
    const good = log.ask(0);
    const hash = Buffer.alloc(32).toString('base64');
    for (const bad of [
      '',
      'old 0\n',
      good.replace('old 0', 'old 00'),
      good.replace('old 0', 'old -1'),
      good.replace('old 0', 'old 9007199254740993'),
      good.replace('old 0', 'OLD 0'),
      good.replace('old 0\n', 'old 0\r\n'),
      good.replace('old 0\n', 'old 0\nAAAA\n'),
      good.replace('old 0\n', `old 0\n${hash} \n`),
      good.replace('old 0\n', `old 0\n${`${hash}\n`.repeat(64)}`),
      good.slice(0, -1),
      good.replace('\n7\n', '\n07\n'),
      new Uint8Array([...Buffer.from(good), 0xff]),
      log.ask(8, 7),
    ]) {
      expect(await ask(bad), JSON.stringify(bad)).toMatchObject({ status: 400 });
    }
    expect(store.latest(log.origin)).toBeUndefined();
  });

  it('409 with its size: another old size than the one that it has', async () => {
    const conflict = { status: 409, type: 'text/x.tlog.size' };
    expect(await ask(log.ask(3))).toEqual({ ...conflict, text: '0\n' });
    await ask(log.ask(0));
    log.grow(5);
    for (const old of [0, 3, 8, 12])
      expect(await ask(log.ask(old)), `old ${old}`).toEqual({ ...conflict, text: '7\n' });
    // Nor does it go back.
    expect(await ask(log.ask(0, 5))).toEqual({ ...conflict, text: '7\n' });
    expect((await ask(log.ask(7))).status).toBe(200);
  });

  it('409: another tree of the same size, which is a split view; both notes are kept in its log', async () => {
    const other = new NotingLog(log.origin, PLAIN_PEM).grow(7, 'another history');
    const mine = new NotingLog(log.origin, PLAIN_PEM).grow(7);
    log = mine;
    await stop();
    await start();
    await ask(mine.ask(0));
    expect(await ask(other.ask(7))).toMatchObject({ status: 409, text: '7\n', type: 'text/x.tlog.size' });
    expect(JSON.parse(lines.at(-1) ?? '{}')).toMatchObject({
      origin: log.origin,
      seen: mine.note(),
      shown: other.note(),
    });
    // And a longer one of that other history does not pass, whatever it claims to begin at.
    other.grow(4, 'another history');
    expect((await ask(other.ask(7))).status).toBe(422);
    expect((await ask(other.ask(0))).status).toBe(409);
    expect(store.latest(log.origin)?.size).toBe(7);
  });

  it('422: a proof that shows nothing', async () => {
    expect((await ask(formatAddCheckpoint({ oldSize: 0, proof: [new Uint8Array(32)], note: log.note() }))).status).toBe(
      422,
    );
    await ask(log.ask(0));
    log.grow(6);
    const proof = log.tree.consistency(7, 13).map(fromHex);
    const note = log.note();
    const flipped = proof.map((h, i) => (i === 1 ? h.map((b) => b ^ 1) : h));
    for (const bad of [
      [],
      proof.slice(1),
      proof.slice(0, -1),
      [...proof, new Uint8Array(32)],
      [...proof].reverse(),
      flipped,
    ]) {
      expect((await ask(formatAddCheckpoint({ oldSize: 7, proof: bad, note }))).status).toBe(422);
    }
    expect(
      (await ask(formatAddCheckpoint({ oldSize: 7, proof: [new Uint8Array(32)], note: log.note(7) }))).status,
    ).toBe(422);
    expect(store.latest(log.origin)?.size).toBe(7);
    expect((await ask(formatAddCheckpoint({ oldSize: 7, proof, note }))).status).toBe(200);
  });

  it('does not let a clock that was set back make a larger tree the older one', async () => {
    const timeOf = (text: string) => parseSignatureLines(text)[0]?.signature.slice(0, 8);
    const first = timeOf((await ask(log.ask(0))).text);
    nowMs -= 86_400_000;
    log.grow(1);
    expect(timeOf((await ask(log.ask(7))).text)).toEqual(first);
  });

  it('takes a body of any media type, and none that is too long', async () => {
    expect((await ask(log.ask(0), { 'content-type': 'application/json' })).status).toBe(200);
    expect((await ask('x'.repeat(200_000))).status).toBe(413);
    expect((await app.inject({ method: 'POST', url: '/add-checkpoint' })).statusCode).toBe(400);
  });
});

describe('what it has seen', () => {
  it('is shown to whoever asks by the origin’s SHA-256', async () => {
    const { createHash } = await import('node:crypto');
    const url = `/checkpoint/${createHash('sha256').update(log.origin).digest('hex')}`;
    expect((await app.inject(url)).statusCode).toBe(404);
    await ask(log.ask(0));
    const { body, headers } = await app.inject(url);
    expect(headers['cache-control']).toBe('no-cache');
    const { text, signatures } = parseNote(body);
    expect(`${text}\n`).toBe(log.note().slice(0, text.length + 1));
    expect(signatures.map((signature) => signature.name)).toEqual([log.origin, signer.name]);
    expect((await app.inject('/checkpoint/00')).statusCode).toBe(404);
    expect(JSON.parse((await app.inject('/healthz')).body)).toMatchObject({
      vkey: signer.vkey,
      address: signer.address,
    });
  });
});
