import * as dagCbor from '@ipld/dag-cbor';
import * as dagJose from 'dag-jose';
import { CID } from 'multiformats/cid';
import { base64url } from 'multiformats/bases/base64';
import { sha256 } from 'multiformats/hashes/sha2';
import { z } from 'zod';
import { utf8, WeighbridgeError } from '../../src/kernel/index.js';
import type { RecordBatch } from '../../src/provenance/relay/record-batch.js';
import { fromContent } from './batch-content.js';
import type { ContentCommit } from './content-commit.js';
import { verifiesUnder } from './did-key.js';

/** One commit as Ceramic's client gives it; nothing in it is believed before it is checked. */
export interface StreamCommit {
  cid?: unknown;
  value?: unknown;
}

/** A batch, and the commit that its publisher made of it. */
export interface OwnBatch {
  batch: RecordBatch;
  commit: ContentCommit;
}

export interface VerifiedBatch {
  batch: RecordBatch;
  /** CID of the one content commit. */
  contentCid: CID;
  anchored: boolean;
}

const signedCommit = z.object({
  jws: z.object({
    payload: z.string(),
    signatures: z.array(z.object({ protected: z.string(), signature: z.string() })).length(1),
  }),
  linkedBlock: z.instanceof(Uint8Array),
});

/** JSON Patch (RFC 6902) from the empty document: every member is added whole, at the top. */
const contentPayload = z.object({
  id: z.custom<CID>((value) => CID.asCID(value) !== null),
  prev: z.custom<CID>((value) => CID.asCID(value) !== null),
  data: z.array(z.strictObject({ op: z.literal('add'), path: z.string().regex(/^\/\w+$/), value: z.unknown() })),
});

/**
 * Verifies the whole log of a batch's stream without asking anybody: genesis (whose CID follows from controller, model,
 * key id and sequence number), exactly one content commit by the controller, then anchor commits only. A node can
 * withhold the content or anchors, but cannot change or add any.
 * @param genesis CID that the genesis must have
 * @param own what a publisher reads back: a content commit that is this one, byte for byte, need not be read as a stranger's is
 * @throws WeighbridgeError PROOF_INVALID naming the commit that is wrong
 */
export async function verifyBatchStream(
  genesis: CID,
  controller: string,
  commits: StreamCommit[],
  own?: OwnBatch,
): Promise<VerifiedBatch | undefined> {
  const [first, content, ...anchors] = commits;
  if (first === undefined || !cidOf(first).equals(genesis)) throw invalid('the stream does not begin with its genesis');
  if (content === undefined) return undefined;
  const batch = await verifyContent(genesis, controller, content, own);
  let previous = cidOf(content);
  for (const anchor of anchors) previous = await verifyAnchor(genesis, previous, anchor);
  return { batch, contentCid: cidOf(content), anchored: anchors.length > 0 };
}

async function verifyContent(
  genesis: CID,
  controller: string,
  commit: StreamCommit,
  own: OwnBatch | undefined,
): Promise<RecordBatch> {
  const cid = cidOf(commit);
  const signed = signedCommit.safeParse(commit.value);
  if (!signed.success) throw invalid(`commit ${cid.toString()} is not a signed commit`);
  const { jws, linkedBlock } = signed.data;
  const envelope = dagJose.encode({ payload: jws.payload, signatures: jws.signatures });
  await assertHash(cid, dagJose.code, envelope);
  if (own !== undefined && isSame(signed.data, own.commit)) return own.batch;
  await assertHash(CID.decode(base64url.baseDecode(jws.payload)), dagCbor.code, linkedBlock);
  assertSignedBy(controller, jws);
  const payload = contentPayload.safeParse(dagCbor.decode(linkedBlock));
  if (!payload.success) throw invalid(`commit ${cid.toString()} does not set the content of an empty document`);
  assertLinks(payload.data, genesis, genesis);
  const document = Object.fromEntries(payload.data.data.map(({ path, value }) => [path.slice(1), value]));
  const batch = fromContent(document);
  if (!batch.success) throw invalid(`commit ${cid.toString()} holds no record batch: ${z.prettifyError(batch.error)}`);
  return batch.data;
}

function isSame({ jws, linkedBlock }: z.infer<typeof signedCommit>, own: ContentCommit): boolean {
  const [signature] = jws.signatures;
  const [ours] = own.jws.signatures;
  const sameSignature = signature?.protected === ours.protected && signature.signature === ours.signature;
  return sameSignature && jws.payload === own.jws.payload && own.linkedBlock.equals(linkedBlock);
}

const jwsHeader = z.object({ alg: z.literal('EdDSA'), kid: z.string() });

function assertSignedBy(controller: string, jws: z.infer<typeof signedCommit>['jws']): void {
  const [signature] = jws.signatures;
  if (signature === undefined) throw invalid('a commit carries no signature');
  const header = jwsHeader.safeParse(fromBase64Url(signature.protected));
  if (!header.success) throw invalid('the signature of a commit is not EdDSA');
  const signer = header.data.kid.split(/[?#]/)[0];
  if (signer !== controller) throw invalid(`a commit is signed by ${header.data.kid}, not by ${controller}`);
  const signed = utf8(`${signature.protected}.${jws.payload}`);
  if (verifiesUnder(controller, signed, Buffer.from(signature.signature, 'base64url'))) return;
  throw invalid('the signature of a commit does not verify');
}

function fromBase64Url(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
}

/** Checks that an anchor commit is in its place. Its proof is the node's word for the time, and no more than that. */
async function verifyAnchor(genesis: CID, previous: CID, commit: StreamCommit): Promise<CID> {
  const cid = cidOf(commit);
  const value = z.object({ id: z.unknown(), prev: z.unknown(), proof: z.unknown(), path: z.string() });
  const anchor = value.safeParse(commit.value);
  if (!anchor.success) throw invalid(`commit ${cid.toString()} follows the content and is not an anchor`);
  await assertHash(cid, dagCbor.code, dagCbor.encode(anchor.data));
  assertLinks(anchor.data, genesis, previous);
  return cid;
}

function assertLinks(commit: { id?: unknown; prev?: unknown }, genesis: CID, previous: CID): void {
  if (CID.asCID(commit.id)?.equals(genesis) !== true) throw invalid('a commit belongs to another stream');
  if (CID.asCID(commit.prev)?.equals(previous) !== true) throw invalid('the chain of commits is broken');
}

async function assertHash(cid: CID, codec: number, bytes: Uint8Array): Promise<void> {
  const actual = CID.createV1(codec, await sha256.digest(bytes));
  if (!actual.equals(cid)) throw invalid(`block does not hash to ${cid.toString()}`);
}

function cidOf(commit: StreamCommit): CID {
  const cid = typeof commit.cid === 'string' ? CID.parse(commit.cid) : CID.asCID(commit.cid);
  if (cid === null) throw invalid('a commit has no CID');
  return cid;
}

function invalid(message: string, cause?: unknown): WeighbridgeError {
  return new WeighbridgeError('PROOF_INVALID', `Ceramic stream: ${message}`, {
    next: 'Do not use this stream; read it from another Ceramic node, and compare with the log.',
    cause,
  });
}
