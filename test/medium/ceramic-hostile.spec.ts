// Real: the js-ceramic engine in its own process and Ceramic's HTTP client. Faked: a hostile node, as a proxy that changes
// the engine's answers.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CeramicClient } from '@ceramicnetwork/http-client';
import { ModelInstanceDocument } from '@ceramicnetwork/stream-model-instance';
import { StreamID } from '@ceramicnetwork/streamid';
import * as dagCbor from '@ipld/dag-cbor';
import * as dagJose from 'dag-jose';
import { DID } from 'dids';
import { Ed25519Provider } from 'key-did-provider-ed25519';
import * as KeyDidResolver from 'key-did-resolver';
import { base64url } from 'multiformats/bases/base64';
import { CID } from 'multiformats/cid';
import { sha256 } from 'multiformats/hashes/sha2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isWeighbridgeError, type Bytes32 } from '../../src/kernel/index.js';
import type { RecordBatch, RecordStreams } from '../../src/provenance/relay/index.js';
import { toContent } from '../../web3/ceramic/batch-content.js';
import { contentCommit } from '../../web3/ceramic/content-commit.js';
import { signingDid, type SigningDid } from '../../web3/ceramic/did-key.js';
import { createRecordStreams } from '../../web3/ceramic/record-streams.js';
import { startCeramic, type CeramicService } from '../../web3/devnet/ceramic.js';
import { freePort } from '../../web3/devnet/service.js';
import { batchOf, randomWord } from '../support/ceramic-batches.js';
import { startTamperingProxy, type TamperingProxy } from '../support/tampering-proxy.js';

interface Commit {
  cid: string;
  value: Record<string, unknown>;
}
type Tamper = (commits: Commit[]) => Commit[] | Promise<Commit[]>;

const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-ceramic-'));
const batch: RecordBatch = batchOf(randomWord(), 3);
let engine: CeramicService;
let proxy: TamperingProxy;
let streams: RecordStreams;
/** Genesis, content and anchor of `batch`, as the engine gives them. */
let honest: Commit[];

beforeAll(async () => {
  engine = await startCeramic({ dir, port: await freePort() });
  proxy = await startTamperingProxy(engine.url);
  streams = await createRecordStreams({ url: engine.url, seed: new Uint8Array(32).fill(7) });
  const { streamId } = await streams.publishBatch(batch);
  honest = await anchoredCommits(streamId);
});
afterAll(async () => {
  await proxy?.stop();
  await engine?.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function commitsOf(streamId: string): Promise<Commit[]> {
  const answer = await fetch(`${engine.url}/api/v0/commits/${streamId}`);
  return ((await answer.json()) as { commits: Commit[] }).commits;
}

/** The stream of a key id's first batch. */
async function streamIdOf(keyId: Bytes32): Promise<StreamID> {
  const model = StreamID.fromString(await streams.ensureModel());
  const metadata = { controller: streams.controller, model, deterministic: true };
  const genesis = await ModelInstanceDocument.makeGenesis(new CeramicClient(engine.url), null, metadata, [keyId, '1']);
  return StreamID.fromGenesis(ModelInstanceDocument.STREAM_TYPE_NAME, genesis);
}

/** Genesis, content and anchor, once the engine's notary has done its part. */
async function anchoredCommits(streamId: string): Promise<Commit[]> {
  for (;;) {
    const commits = await commitsOf(streamId);
    if (commits.length >= 3) return commits;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What a reader makes of the stream, or its error code, when the node answers with these commits. */
async function read(commits: Commit[]): Promise<unknown> {
  proxy.tamper = (url, answer) => (url.includes('/commits/') ? { commits } : answer);
  const model = await streams.ensureModel();
  const reader = await createRecordStreams({ url: proxy.url, controller: streams.controller, model });
  return reader.loadBatch(batch.keyId, 1).catch((error: unknown) => (isWeighbridgeError(error) ? error.code : error));
}

it('is believed while it tells the truth', async () => {
  expect(await read(honest)).toMatchObject({ batch, anchored: true });
});

it('can withhold the end, and no more', async () => {
  expect(await read(honest.slice(0, 1))).toBeUndefined();
  expect(await read(honest.slice(0, 2))).toMatchObject({ batch, anchored: false });
});

it.each<[string, Tamper]>([
  ['one bit of the content', (commits) => edit(commits, 1, flippedBlock)],
  // Without the anchor, whose link would give it away.
  [
    'the content and every hash above it',
    async (commits) => headed(await rehashed(flippedBlock(at(commits, 1).value))),
  ],
  [
    'the signature and the hash above it',
    async (commits) => headed(await rehashed(flippedSignature(at(commits, 1).value))),
  ],
  ['the CID of the content', (commits) => headed({ ...at(commits, 1), cid: at(commits, 0).cid })],
  ['the order of commits', ([genesis, content, anchor]) => [genesis, anchor, content].filter((c) => c !== undefined)],
  ['the path of an anchor', (commits) => edit(commits, 2, (value) => ({ ...value, path: '0/1' }))],
  ['by adding the content twice', (commits) => [...commits.slice(0, 2), ...commits.slice(1)]],
  ['by dropping the content', (commits) => commits.toSpliced(1, 1)],
  ['by dropping the genesis', (commits) => commits.slice(1)],
  ['by dropping everything', () => []],
])('is refused when it changes %s', async (_, tamper) => {
  expect(await read(await tamper(honest))).toBe('PROOF_INVALID');
});

it('is refused when it passes off another batch of the same controller', async () => {
  const { streamId } = await streams.publishBatch(batchOf(randomWord(), 3));
  const other = await commitsOf(streamId);
  expect(await read(other)).toBe('PROOF_INVALID');
  expect(await read(headed(at(other, 1)))).toBe('PROOF_INVALID');
});

it('is refused when it shows the anchor of another stream', async () => {
  const { streamId } = await streams.publishBatch(batchOf(randomWord(), 3));
  expect(await read(replaceAt(honest, 2, at(await anchoredCommits(streamId), 2)))).toBe('PROOF_INVALID');
});

it('is refused when somebody else wrote the stream', async () => {
  const thief = await createRecordStreams({ url: engine.url, seed: new Uint8Array(32).fill(8) });
  const { streamId } = await thief.publishBatch(batch);
  const stolen = await commitsOf(streamId);
  expect(await read(stolen)).toBe('PROOF_INVALID');
  expect(await read(headed(at(stolen, 1)))).toBe('PROOF_INVALID');
});

it.each([
  ['another key signed the same content in the same place', 8, {}],
  ['the controller signed the same content for another stream', 7, { id: CID.parse(`bafyrei${'a'.repeat(52)}`) }],
  ['the controller signed the same content as a later commit', 7, { prev: CID.parse(`bafyrei${'a'.repeat(52)}`) }],
])('is refused when %s', async (_, seedByte, changes) => {
  const provider = new Ed25519Provider(new Uint8Array(32).fill(seedByte));
  const did = new DID({ provider, resolver: KeyDidResolver.getResolver() });
  await did.authenticate();
  const block = Buffer.from(String(at(honest, 1).value.linkedBlock), 'base64');
  const signed = await did.createDagJWS({ ...dagCbor.decode<Record<string, unknown>>(block), ...changes });
  const linkedBlock = Buffer.from(signed.linkedBlock).toString('base64');
  const forged = headed(await rehashed({ jws: { ...signed.jws, link: '' }, linkedBlock }));
  expect(await read(forged)).toBe('PROOF_INVALID');
});

it.each([
  [
    'under the controller’s name by another key',
    ({ did, kid }: SigningDid, other: SigningDid) => ({ ...other, did, kid }),
  ],
  ['by another key under its own name', (_: SigningDid, other: SigningDid) => other],
  ['with no signature at all', (controller: SigningDid) => ({ ...controller, sign: () => new Uint8Array(64) })],
])('cannot be made to take a commit that was signed %s', async (_, forged) => {
  const empty = batchOf(randomWord(), 1);
  // A reader may open a stream; only its controller may fill it.
  expect(await streams.loadBatch(empty.keyId, 1)).toBeUndefined();
  const signers = [7, 8].map((byte) => signingDid(new Uint8Array(32).fill(byte))) as [SigningDid, SigningDid];
  const streamId = await streamIdOf(empty.keyId);
  const { jws, linkedBlock } = await contentCommit(streamId.cid, toContent(empty), forged(...signers));
  const commit = { jws: { ...jws, link: jws.link.toString() }, linkedBlock: linkedBlock.toString('base64') };
  const answer = await fetch(`${engine.url}/api/v0/commits`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ streamId: streamId.toString(), commit, opts: {} }),
  });
  expect(await answer.json()).toEqual({ error: expect.stringContaining('Can not verify signature') as unknown });
  expect(await streams.loadBatch(empty.keyId, 1)).toBeUndefined();
});

it('is found out when a batch does not name the one before it', async () => {
  const keyId = randomWord();
  const { commitId } = await streams.publishBatch(batchOf(keyId, 2));
  await streams.publishBatch({ ...batchOf(keyId, 2, 10), seq: 2, previous: `${commitId}x` });
  await expect(streams.readBatches(keyId)).rejects.toMatchObject({ code: 'PROOF_INVALID' });
});

it('cannot be made to store bytes under a CID that they do not hash to', async () => {
  const { streamId } = await streams.publishBatch(batchOf(randomWord(), 1));
  const answer = await fetch(`${engine.url}/api/v0/commits`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ streamId, commit: flippedBlock(at(honest, 1).value), opts: {} }),
  });
  expect(answer.ok).toBe(false);
  expect(await answer.text()).toContain('does not hash to');
});

function at(commits: Commit[], index: number): Commit {
  return commits[index] ?? expect.unreachable(`no commit ${index}`);
}

const replaceAt = (commits: Commit[], index: number, commit: Commit): Commit[] => commits.with(index, commit);

/** The honest genesis and this content. */
const headed = (content: Commit): Commit[] => [at(honest, 0), content];

function edit(commits: Commit[], index: number, change: (value: Commit['value']) => Commit['value']): Commit[] {
  return replaceAt(commits, index, { ...at(commits, index), value: change(at(commits, index).value) });
}

/** Changes a leaf hash inside the content; the block stays well-formed. */
function flippedBlock(value: Commit['value']): Commit['value'] {
  const text = Buffer.from(String(value.linkedBlock), 'base64').toString('latin1');
  const leafHash = batch.records[0]?.leafHash ?? '';
  const forged = text.replace(leafHash, (leafHash.startsWith('0') ? '1' : '0') + leafHash.slice(1));
  const linkedBlock = Buffer.from(forged, 'latin1').toString('base64').replace(/=+$/, '');
  expect(linkedBlock).not.toBe(value.linkedBlock);
  return { ...value, linkedBlock };
}

interface Jws {
  payload: string;
  link: string;
  signatures: { protected: string; signature: string }[];
}

function flippedSignature(value: Commit['value']): Commit['value'] {
  const jws = structuredClone(value.jws) as Jws;
  for (const entry of jws.signatures) {
    const other = entry.signature[20] === 'A' ? 'B' : 'A';
    entry.signature = `${entry.signature.slice(0, 20)}${other}${entry.signature.slice(21)}`;
  }
  return { ...value, jws };
}

/** The commit with its payload link and its own CID made to fit what it now holds: only the signature can tell. */
async function rehashed(value: Commit['value']): Promise<Commit> {
  const jws = value.jws as Jws;
  const block = Buffer.from(String(value.linkedBlock), 'base64');
  const link = CID.createV1(dagCbor.code, await sha256.digest(block));
  const payload = base64url.baseEncode(link.bytes);
  const envelope = dagJose.encode({ payload, signatures: jws.signatures });
  const cid = CID.createV1(dagJose.code, await sha256.digest(envelope));
  return { cid: cid.toString(), value: { ...value, jws: { ...jws, payload, link: link.toString() } } };
}
