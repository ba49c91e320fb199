import { beforeAll, describe, expect, it } from 'vitest';
import { market, parties, provenanceStory } from '../../test/support/provenance-story.js';
import { canonicalJson, orderIdOf, utf8, type Bytes32, type Hex } from '../kernel/index.js';
import { keyIdOfRecord, orderIdOfRecord, positionOfRecord } from './commitment.js';
import { FIRST_POSITION, positionAfter } from './position.js';
import { dssePae, parseEntry, sealRecord, verifyEntrySignature, type RecordSigner } from './record.js';
import { trainingRefusedRecord } from './run-record-builders.js';
import { consentRevokedRecord } from './statement-builders.js';
import { MAX_SEQUENCE } from './statements.js';
import { licenceSubject } from './subjects.js';
import { toBase64 } from './verify/base64.js';
import { decodeUtf8 } from './verify/canonical.js';
import { verifyEntry } from './verify-entry.js';

/** What a test changes of a statement, whatever its type. */
interface Changeable {
  subject: [{ name: string; digest: { sha256: string } }];
  predicate: {
    licenceId: Bytes32;
    licence: Parameters<typeof licenceSubject>[0]['licence'];
    runDetails: { metadata: { invocationId: string }; builder: { id: string } };
  };
}

type Story = Awaited<ReturnType<typeof provenanceStory>>;
const policy = { market, recorder: parties.recorder.address };
let story: Story;
beforeAll(async () => {
  story = await provenanceStory();
});

/** Rewrites the envelope of an entry; the header stays. */
function withEnvelope(entry: Uint8Array, change: (envelope: Record<string, unknown>) => unknown): Uint8Array {
  const text = decodeUtf8(entry);
  const cut = text.indexOf('\n') + 1;
  return utf8(text.slice(0, cut) + canonicalJson(change(JSON.parse(text.slice(cut)) as Record<string, unknown>)));
}

describe('entries', () => {
  it('follow the DSSE v1 encoding (its published example)', () => {
    expect(decodeUtf8(dssePae('http://example.com/HelloWorld', utf8('hello world')))).toBe(
      'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
    );
  });

  it('are read back and hold, each type, signed by the right party', async () => {
    for (const bytes of [...Object.values(story.entries), ...Object.values(story.later)]) {
      const entry = await verifyEntry(bytes, policy);
      expect(keyIdOfRecord(entry)).toBe(story.keyId);
      expect([undefined, story.orderId]).toContain(orderIdOfRecord(entry));
    }
    expect(orderIdOf(market, story.order)).toBe(story.orderId);
  });

  it('revoke consent for their own dataset only', async () => {
    const { datasetId, version } = story.offer;
    const offer = { seller: parties.buyer.address, datasetId, version };
    const position = positionAfter(story.entries.settled);
    const record = consentRevokedRecord(market, { offer, licence: null, position, revokedAt: new Date(0) });
    const others = await verifyEntry(await sealRecord({ ...record, signer: parties.buyer }), policy);
    expect(keyIdOfRecord(others)).not.toBe(story.keyId);
    const { statement, ...rest } = record;
    const predicate = { ...statement.predicate, keyId: story.keyId };
    const forged = { ...rest, statement: { ...statement, predicate }, signer: parties.buyer };
    await expect(sealRecord(forged).then(async (bytes) => verifyEntry(bytes, policy))).rejects.toMatchObject({
      code: 'PROOF_INVALID',
    });
  });

  it('are the same bytes when sealed again, so that a retry is a duplicate', async () => {
    const again = await provenanceStory();
    expect(again.entries).toEqual(story.entries);
  });

  it('number the records of a dataset, each with the digest of the one before', () => {
    const { listed, licensed, granted, completed, settled } = story.entries;
    const inOrder = [listed, licensed, granted, completed, settled];
    inOrder.forEach((bytes, i) => {
      const before = inOrder[i - 1];
      expect(positionOfRecord(parseEntry(bytes))).toEqual(before ? positionAfter(before) : FIRST_POSITION);
    });
    const orphan = { sequence: 1, previous: '11'.repeat(32) };
    const refusal = { order: story.order, reason: 'key-denied', refusedAt: new Date(0) } as const;
    expect(() => trainingRefusedRecord(market, { ...refusal, position: orphan })).toThrow(/only the first/);
    const endless = { sequence: MAX_SEQUENCE + 1, previous: '11'.repeat(32) };
    expect(() => trainingRefusedRecord(market, { ...refusal, position: endless })).toThrow(/sequence/);
  });

  it('carry a refusal with its reason', async () => {
    const record = trainingRefusedRecord(market, {
      order: story.order,
      reason: 'gate-refused',
      position: positionAfter(story.entries.granted),
      refusedAt: new Date(0),
    });
    const entry = await verifyEntry(await sealRecord({ ...record, signer: parties.operator }), policy);
    expect(entry.type).toBe('training-refused');
  });

  it('are refused when any byte of them changed', { timeout: 300_000 }, async () => {
    const good = story.entries.granted;
    let accepted = 0;
    // Every byte in `npm run fuzz`; every third here, which meets each place in a base64 group.
    const step = process.env.FUZZ_RUNS === undefined ? 3 : 1;
    for (let i = 0; i < good.length; i += step) {
      const bad = good.slice();
      bad[i] = (bad[i] ?? 0) ^ 1;
      try {
        parseEntry(bad);
      } catch {
        continue;
      }
      if (await verifyEntry(bad, policy).then(Boolean, () => false)) accepted++;
    }
    expect(accepted).toBe(0);
  });

  it('are refused under the header of another type, or of another record', async () => {
    const text = decodeUtf8(story.entries.granted);
    expect(() => parseEntry(utf8(text.replace('access-granted', 'job-settled')))).toThrow(/job-settled header/);
    const moved = text.replace(/[0-9a-f]{64}/, '5'.repeat(64));
    await expect(verifyEntry(utf8(moved), policy)).rejects.toMatchObject({ code: 'PROOF_INVALID' });
  });

  it('have one spelling only', () => {
    const { granted } = story.entries;
    const spaced = withEnvelope(granted, (e) => e);
    expect(spaced).toEqual(granted);
    expect(() => parseEntry(utf8(`${decodeUtf8(granted)}\n`))).toThrow(/canonical/);
    expect(() => parseEntry(withEnvelope(granted, (e) => ({ ...e, extra: 1 })))).toThrow(/envelope/);
    const lowered = withEnvelope(granted, (e) => ({
      ...e,
      signatures: [{ ...(e.signatures as { keyid: string }[])[0], keyid: `eip155:1:0x${'ab'.repeat(20)}` }],
    }));
    expect(() => parseEntry(lowered)).toThrow(/checksummed/);
  });

  it('refuse the high-s twin of a signature, which would make a second entry of one record', () => {
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const twin = withEnvelope(story.entries.granted, (e) => {
      const [signature] = e.signatures as { keyid: string; sig: string }[];
      const raw = Buffer.from(signature?.sig ?? '', 'base64');
      const s = (order - BigInt(`0x${raw.subarray(32, 64).toString('hex')}`)).toString(16).padStart(64, '0');
      const flipped = Buffer.concat([raw.subarray(0, 32), Buffer.from(s, 'hex'), Buffer.from([55 - (raw[64] ?? 0)])]);
      return { ...e, signatures: [{ ...signature, sig: toBase64(flipped) }] };
    });
    expect(() => parseEntry(twin)).toThrow(/low s/);
  });

  it('are refused for another market, and by another recorder', async () => {
    const elsewhere = { ...policy, market: { ...market, chainId: 1 } };
    await expect(verifyEntry(story.entries.listed, elsewhere)).rejects.toMatchObject({ code: 'PROOF_INVALID' });
    const impostor = { ...policy, recorder: parties.buyer.address };
    await expect(verifyEntry(story.entries.settled, impostor)).rejects.toMatchObject({ code: 'BAD_SIGNATURE' });
  });

  it.each<[string, keyof Story['entries'], keyof typeof parties, (statement: Changeable) => void]>([
    ['subject', 'granted', 'operator', ({ subject: [subject] }) => void (subject.digest.sha256 = '5'.repeat(64))],
    ['subject', 'listed', 'seller', ({ subject }) => void subject.push(subject[0])],
    [
      'licence id',
      'licensed',
      'recorder',
      (statement) => {
        statement.predicate.licenceId = `0x${'5'.repeat(64)}`;
        statement.subject = [licenceSubject(statement.predicate)];
      },
    ],
    [
      'invocation id',
      'completed',
      'worker',
      ({ predicate }) => void (predicate.runDetails.metadata.invocationId = `0x${'5'.repeat(64)}`),
    ],
    ['builder', 'completed', 'worker', ({ predicate }) => void (predicate.runDetails.builder.id += '0')],
  ])('are refused whose %s is not what they say elsewhere (%s, signed by its %s)', async (what, name, by, change) => {
    const { type, chainId, commitment, statement } = parseEntry(story.entries[name]);
    const changed = JSON.parse(canonicalJson(statement)) as Changeable;
    change(changed);
    const record = { type, chainId, commitment, statement: changed } as unknown as Parameters<typeof sealRecord>[0];
    const sealed = await sealRecord({ ...record, signer: parties[by] });
    await expect(verifyEntry(sealed, policy)).rejects.toMatchObject({
      code: 'PROOF_INVALID',
      message: expect.stringMatching(new RegExp(`disagrees with itself: ${what}$`)) as unknown,
    });
  });

  it('are not sealed by a signer that signs as somebody else', async () => {
    const liar: RecordSigner = {
      address: parties.seller.address,
      signMessage: async (args): Promise<Hex> => parties.buyer.signMessage(args),
    };
    const position = FIRST_POSITION;
    const refusal = { order: story.order, reason: 'key-denied', position, refusedAt: new Date(0) } as const;
    const record = trainingRefusedRecord(market, refusal);
    await expect(sealRecord({ ...record, signer: liar })).rejects.toMatchObject({ code: 'BAD_SIGNATURE' });
  });

  it('name a signer that the signature must recover to', async () => {
    const entry = parseEntry(story.entries.granted);
    expect(await verifyEntrySignature(entry)).toBe(true);
    expect(await verifyEntrySignature({ ...entry, signer: parties.buyer.address })).toBe(false);
  });
});
