import * as dagCbor from '@ipld/dag-cbor';
import { DID } from 'dids';
import { Ed25519Provider } from 'key-did-provider-ed25519';
import * as KeyDidResolver from 'key-did-resolver';
import { CID } from 'multiformats/cid';
import { expect, it } from 'vitest';
import { batchOf } from '../../test/support/ceramic-batches.js';
import { toContent } from './batch-content.js';
import { contentCommit } from './content-commit.js';
import { signingDid, verifiesUnder } from './did-key.js';

// Real: `dids`, whose word on keys and signatures is Ceramic's.
const seed = new Uint8Array(32).fill(7);
const signer = signingDid(seed);
const genesis = CID.parse(`bafyrei${'a'.repeat(52)}`);
const content = toContent(batchOf(`0x${'1'.repeat(64)}`, 3));
const dids = new DID({ provider: new Ed25519Provider(seed), resolver: KeyDidResolver.getResolver() });

it('is the key that Ceramic’s own library derives of the seed', async () => {
  expect(await dids.authenticate()).toBe(signer.did);
});

it('signs what that library signs, and it verifies there', async () => {
  const { jws, linkedBlock } = await contentCommit(genesis, content, signer);
  await dids.authenticate();
  const theirs = await dids.createDagJWS(dagCbor.decode<Record<string, unknown>>(linkedBlock));
  expect(jws.payload).toBe(theirs.jws.payload);
  expect(new Uint8Array(linkedBlock)).toEqual(new Uint8Array(theirs.linkedBlock));
  expect(await dids.verifyJWS(jws, { issuer: signer.did })).toMatchObject({ kid: signer.kid });
});

it('makes the same commit of the same batch', async () => {
  expect(await contentCommit(genesis, content, signer)).toEqual(await contentCommit(genesis, content, signer));
});

it('verifies under its own did:key only, and under no other kind of DID', () => {
  const bytes = new Uint8Array([1, 2, 3]);
  const signature = signer.sign(bytes);
  expect(verifiesUnder(signer.did, bytes, signature)).toBe(true);
  expect(verifiesUnder(signer.did, new Uint8Array([1, 2, 4]), signature)).toBe(false);
  expect(verifiesUnder(signingDid(new Uint8Array(32)).did, bytes, signature)).toBe(false);
  for (const did of ['', 'did:key:', 'did:key:zABC', signer.did.replace('key', 'web'), `${signer.did}1`])
    expect(verifiesUnder(did, bytes, signature)).toBe(false);
});
