import { beforeAll, describe, expect, it } from 'vitest';
import { fuzzPart, fuzzParts } from '../../../test/support/fuzz.js';
import { market, parties, provenanceStory, trainer, type StoryRun } from '../../../test/support/provenance-story.js';
import { trust, witnessVkey } from '../../../test/support/noted-log.js';
import { storyReceipt } from '../../../test/support/story-receipt.js';
import { utf8, type Bytes32, type Hex, type Order } from '../../kernel/index.js';
import { positionAfter } from '../position.js';
import { fromBase64, toBase64 } from './base64.js';
import { decodeUtf8 } from './canonical.js';
import { CHECK_CODES, type Check } from './checks.js';
import { compareWithChain, splitHashOf } from './compare-online.js';
import { formatReceipt, MAX_RECEIPT_BYTES, parseReceipt, type Receipt } from './receipt-schema.js';
import { trustSchema, type Trust } from './trust.js';
import { receiptChecks, verifyReceipt } from './verify-receipt.js';
import { verifyRecordInLog } from './verify-record.js';

const indices = {
  'dataset-listed': 3,
  'licence-issued': 4,
  'access-granted': 6,
  'training-completed': 7,
  'job-settled': 9,
};
/** `npm run fuzz` sets it. */
const thorough = process.env.FUZZ_RUNS !== undefined;
let receipt: Uint8Array;
let text: string;
let parsed: Receipt;

beforeAll(async () => {
  receipt = await storyReceipt({ indices, size: 12 });
  text = decodeUtf8(receipt);
  parsed = parseReceipt(receipt);
});

async function firstFailure(bytes: Uint8Array, against: Trust = trust): Promise<Check | undefined> {
  for await (const check of receiptChecks(bytes, against)) if (!check.ok) return check;
  return undefined;
}

type Story = Pick<Awaited<ReturnType<typeof provenanceStory>>, 'entries'> & { other: Order };

function lie(lies: StoryRun['lies']): Partial<StoryRun> {
  return { lies };
}

/** The receipt with a part replaced, in canonical bytes again: what an attacker with an editor makes. */
function edited(change: (receipt: Receipt) => Receipt): Uint8Array {
  return formatReceipt(change(structuredClone(parsed)));
}

describe('a receipt', () => {
  it('passes every check against its trust file, each saying what it rests on', async () => {
    const verdict = await verifyReceipt(receipt, trust);
    expect(verdict.checks.filter((c) => !c.ok)).toEqual([]);
    expect(verdict.ok).toBe(true);
    expect(new Set(verdict.checks.map((c) => c.name)).size).toBe(verdict.checks.length);
    for (const check of verdict.checks) expect(check.restsOn).not.toBe('');
    const training = verdict.checks.find(({ name }) => name === 'training');
    expect(training?.detail).toContain('privacy: none; the model may memorise rows');
  });

  it('fails by name when any one character changes, whichever', async () => {
    const alphabet = '0123456789abcdefABCDEF+/=" \n{}:,xyz—';
    const records = text.indexOf('"records"');
    // `npm run fuzz` changes every character, and each in eight ways, or one part of them (FUZZ_PART=3/8). Here it is every 3rd that
    // people read, and every 31st of entries and proofs: 31 has no divisor with the four characters of a base64 group, so each place
    // in one is met.
    const step = (i: number): number => (thorough ? fuzzParts : i < records ? 3 : 31);
    const missed: string[] = [];
    for (let i = thorough ? fuzzPart - 1 : 0; i < text.length; i += step(i)) {
      const old = text[i] ?? '';
      // The other case of a letter is what lenient decoders overlook.
      const pick = alphabet[(i * 7) % alphabet.length] ?? '';
      const one = swapCase(old) === old ? pick : swapCase(old);
      const others = thorough ? [one, pick, '0', 'A', '=', '"', ' ', '\n'] : [one === old ? '?' : one];
      for (const other of new Set(others)) {
        if (other === old) continue;
        const failure = await firstFailure(utf8(text.slice(0, i) + other + text.slice(i + 1)));
        if (!failure?.code || failure.code === 'UNEXPECTED') missed.push(`${i}: ${old} -> ${other}`);
      }
    }
    expect(missed).toEqual([]);
  }, 3_600_000);

  it('fails when a character is missing or doubled, anywhere', async () => {
    const missed: number[] = [];
    for (let i = 0; i < text.length; i += thorough ? 29 : 97) {
      const without = await firstFailure(utf8(text.slice(0, i) + text.slice(i + 1)));
      const doubled = await firstFailure(utf8(text.slice(0, i) + (text[i] ?? '') + text.slice(i)));
      if (!without?.code || !doubled?.code) missed.push(i);
    }
    expect(missed).toEqual([]);
  }, 600_000);

  it('names the check that an edited field fails', async () => {
    const word = `0x${'ab'.repeat(32)}` as const;
    const { licenceSignature } = await provenanceStory();
    const cases: [string, string, (r: Receipt) => void][] = [
      ['network', 'WRONG_NETWORK', (r) => (r.network.chainId = 1)],
      ['dataset', 'FIELD_MISMATCH', (r) => (r.dataset.manifestDigest = word)],
      ['dataset', 'FIELD_MISMATCH', (r) => (r.dataset.offer.price = '1')],
      ['licence', 'FIELD_MISMATCH', (r) => (r.licence.licence.validUntil = '1')],
      ['order', 'FIELD_MISMATCH', (r) => (r.order.order.operator = r.order.order.buyer)],
      ['digests', 'DIGEST_MISMATCH', (r) => (r.order.order.salt = word)],
      ['digests', 'DIGEST_MISMATCH', (r) => (r.order.order.deadline = '1800000001')],
      ['access', 'FIELD_MISMATCH', (r) => (r.access.worker = r.access.operator)],
      ['training', 'FIELD_MISMATCH', (r) => (r.training.weightsDigest = word)],
      ['training', 'FIELD_MISMATCH', (r) => (r.training.attested = true)],
      ['model', 'DIGEST_MISMATCH', (r) => (r.model.graph = 'ff'.repeat(32))],
      ['settlement', 'FIELD_MISMATCH', (r) => (r.settlement.payouts = [])],
      // A pseudonym that somebody else signed for, and the right signature in a second spelling.
      ['consents', 'BAD_SIGNATURE', (r) => (r.licence.pseudonymSignature = licenceSignature)],
      ['file', 'BAD_FORMAT', (r) => (r.licence.pseudonymSignature = malleated(r.licence.pseudonymSignature))],
      ['log:access-granted', 'NOT_IN_LOG', (r) => (r.records['access-granted'].proof = r.records['job-settled'].proof)],
      ['log:job-settled', 'RECORD_MALFORMED', (r) => (r.records['job-settled'] = r.records['access-granted'])],
    ];
    for (const [name, code, change] of cases) {
      const bytes = edited((r) => {
        change(r);
        return r;
      });
      expect(await firstFailure(bytes), name).toMatchObject({ name, code });
    }
  });

  describe('of parties that signed records which do not go together', () => {
    const word: Bytes32 = `0x${'ab'.repeat(32)}`;
    const stranger = parties.treasury.address;
    const otherOrder = async () => ({ ...(await provenanceStory()).order, salt: word });
    const private1 = { epsilon: 1, delta: 1e-6 };

    it.each<[string, string, string, (story: Story) => Partial<StoryRun>]>([
      ['a licence that had ended', 'licence', 'LICENCE_EXPIRED', () => lie({ licence: { validUntil: 1n } })],
      ['a licence of another dataset', 'licence', 'FIELD_MISMATCH', () => lie({ licence: { keyId: word } })],
      ['a licence under other terms', 'licence', 'FIELD_MISMATCH', () => lie({ licence: { termsDigest: word } })],
      ['a licence of another buyer', 'order', 'FIELD_MISMATCH', () => lie({ licence: { buyer: stranger } })],
      ['an order under another licence', 'order', 'FIELD_MISMATCH', () => lie({ order: { licence: word } })],
      ['an order of another dataset', 'order', 'FIELD_MISMATCH', () => lie({ order: { keyId: word } })],
      ['an order of another offer', 'digests', 'DIGEST_MISMATCH', () => lie({ order: { offer: word } })],
      ['an order of another model', 'model', 'DIGEST_MISMATCH', () => lie({ order: { jobDigest: word } })],
      [
        'an operator whom the seller did not allow',
        'order',
        'NOT_ALLOWED',
        () => ({ offer: { operators: [stranger] } }),
      ],
      ['a privacy that was not paid for', 'training', 'FIELD_MISMATCH', () => ({ epsilonMicros: 5n })],
      ['an access for another pseudonym', 'order', 'FIELD_MISMATCH', () => lie({ granted: { buyer: stranger } })],
      ['another worker than was let in', 'training', 'FIELD_MISMATCH', () => lie({ granted: { worker: stranger } })],
      ['an access of another order', 'order', 'FIELD_MISMATCH', ({ other }) => lie({ granted: { order: other } })],
      ['a result of another order', 'training', 'FIELD_MISMATCH', ({ other }) => lie({ completed: { order: other } })],
      ['a result under another privacy', 'training', 'FIELD_MISMATCH', () => lie({ completed: { privacy: private1 } })],
      ['a result of other rows', 'training', 'FIELD_MISMATCH', () => lie({ completed: { manifestDigest: word } })],
      [
        'a result from other weights',
        'training',
        'FIELD_MISMATCH',
        () => lie({ completed: { initialWeightsSha256: 'ab'.repeat(32) } }),
      ],
      [
        'a result of another access',
        'training',
        'FIELD_MISMATCH',
        ({ entries }) => lie({ completed: { accessEntry: entries.listed } }),
      ],
      ['a refund', 'settlement', 'WRONG_PAYOUT', () => lie({ settled: { outcome: 'refunded' } })],
      ['a payment for another order', 'settlement', 'FIELD_MISMATCH', () => lie({ settled: { orderId: word } })],
      ['a payment for another dataset', 'settlement', 'FIELD_MISMATCH', () => lie({ settled: { keyId: word } })],
      ['a payment to others', 'settlement', 'WRONG_PAYOUT', () => lie({ settled: { payouts: [] } })],
      [
        'a payment numbered before the result',
        'sequence',
        'OUT_OF_ORDER',
        ({ entries }) => lie({ settled: { position: positionAfter(entries.listed) } }),
      ],
    ])('fails with %s', async (_what, name, code, told) => {
      const { entries } = await provenanceStory();
      const run = told({ entries, other: await otherOrder() });
      expect(await firstFailure(await storyReceipt({ run }))).toMatchObject({ name, code });
    });
  });

  it('says in one line what of an entry is not as its schema has it', async () => {
    const bytes = edited((r) => {
      const record = r.records['access-granted'];
      record.entry = toBase64(utf8(decodeUtf8(fromBase64(record.entry)).replace('in-toto+json', 'in-toto+jsos')));
      return r;
    });
    const failure = await firstFailure(bytes);
    expect(failure?.detail).toMatch(/^not a log entry: envelope: payloadType: [^\n{]+$/);
  });

  it('fails against the trust of another deployment, log, recorder, treasury or operator', async () => {
    const other = '0x3333333333333333333333333333333333333333';
    const cases: [string, string, Trust][] = [
      ['network', 'WRONG_NETWORK', { ...trust, chainId: 1 }],
      ['network', 'WRONG_NETWORK', { ...trust, log: { ...trust.log, origin: 'log.example/other' } }],
      ['settlement', 'WRONG_PAYOUT', { ...trust, treasury: other }],
      ['settlement', 'WRONG_PAYOUT', { ...trust, protocolFeeBps: 0 }],
      ['order', 'NOT_ALLOWED', { ...trust, operators: [other] }],
      ['signature:licence-issued', 'BAD_SIGNATURE', { ...trust, recorder: other }],
      ['checkpoint', 'NO_QUORUM', { ...trust, witnesses: { quorum: 1, vkeys: [witnessVkey] } }],
    ];
    for (const [name, code, against] of cases) {
      expect(await firstFailure(receipt, against), name).toMatchObject({ name, code });
    }
  });

  it('needs the quorum of witnesses that the trust file asks, and no stranger’s line', async () => {
    const cosigned = await storyReceipt({ indices, size: 12, witnessed: true });
    const witnessed = { ...trust, witnesses: { quorum: 1, vkeys: [witnessVkey] } };
    expect(await firstFailure(cosigned, witnessed)).toBeUndefined();
    expect(await firstFailure(cosigned, trust)).toMatchObject({ name: 'checkpoint', code: 'BAD_CHECKPOINT' });
  });

  it('fails if access was recorded after the training', async () => {
    const late = await storyReceipt({ indices: { ...indices, 'access-granted': 8 }, size: 12 });
    const detail = expect.stringMatching(/^the log holds them as entries/) as unknown;
    expect(await firstFailure(late)).toMatchObject({ name: 'sequence', code: 'OUT_OF_ORDER', detail });
  });

  it('pins the engine and the secret seed of a private run, and fails if the worker drew from another than was recorded', async () => {
    const seedCommitment = '5e'.repeat(32);
    const run = (seed: string | undefined): Partial<StoryRun> => ({
      epsilonMicros: 1_000_000n,
      privacyOf: () => ({
        epsilon: 1,
        delta: 1e-6,
        noiseMultiplier: 2,
        samplingRate: 0.1,
        steps: 10,
        unitColumn: null,
        seedCommitment,
      }),
      train: async () => ({
        weightsSha256: '33'.repeat(32),
        trainer,
        ...(seed === undefined ? {} : { seedCommitment: seed }),
      }),
    });
    const { ok, checks } = await verifyReceipt(await storyReceipt({ run: run(undefined) }), trust);
    expect(ok).toBe(true);
    expect(checks.find(({ name }) => name === 'training')?.detail).toContain(`2 threads of ${trainer.device}`);
    const other = await firstFailure(await storyReceipt({ run: run('5f'.repeat(32)) }));
    expect(other).toMatchObject({ name: 'training', code: 'FIELD_MISMATCH' });
  });

  it('is refused, never a crash, for bytes that are no receipt', async () => {
    const deep = utf8(`${'['.repeat(200_000)}${']'.repeat(200_000)}\n`);
    const proto = utf8(`{"__proto__":{},${text.slice(1)}`);
    for (const bytes of [new Uint8Array(), utf8('{}\n'), utf8('null\n'), Uint8Array.of(0xff, 0x0a), deep, proto]) {
      const verdict = await verifyReceipt(bytes, trust);
      expect(verdict.ok).toBe(false);
      expect(CHECK_CODES).toContain(verdict.checks[0]?.code);
    }
  });

  it('has no room for more: not in its proofs, not behind its end, nor beyond 4 MiB', async () => {
    const extra = edited((r) => {
      const record = r.records['access-granted'];
      record.proof = record.proof.replace('\nindex ', '\nextra AQID\nindex ');
      return r;
    });
    expect(await firstFailure(extra)).toMatchObject({
      name: 'log:access-granted',
      detail: 'the proof carries extra data',
    });
    const cases: [Uint8Array, RegExp][] = [
      [utf8(`${text.slice(0, -1)} `), /does not end with one newline/],
      [utf8(`${text}\n`), /canonical form/],
      [utf8(`${' '.repeat(MAX_RECEIPT_BYTES)}${text}`), /bytes are too many/],
    ];
    for (const [bytes, detail] of cases) expect((await firstFailure(bytes))?.detail).toMatch(detail);
  });

  it('lets each of its records be verified alone', async () => {
    for (const record of Object.values(parsed.records)) {
      const entry = new Uint8Array(Buffer.from(record.entry, 'base64'));
      expect((await verifyRecordInLog(entry, record.proof, trust)).checkpoint.size).toBe(12);
      entry[100] = (entry[100] ?? 0) ^ 1;
      await expect(verifyRecordInLog(entry, record.proof, trust)).rejects.toMatchObject({ code: 'PROOF_INVALID' });
    }
  });
});

describe('comparing with the chain', () => {
  it('adds a line for each fact, and names the one that differs', async () => {
    const facts = {
      order: {
        state: 'settled',
        buyer: parsed.order.order.buyer,
        keyId: parsed.dataset.keyId,
        splitHash: splitHashOf(parsed.settlement.payouts),
      },
      offer: parsed.order.order.offer,
      transaction: { succeeded: true, to: market.contract },
    };
    expect((await compareWithChain(parsed, facts)).every((c) => c.ok)).toBe(true);
    const failed = async (changed: Partial<typeof facts>) =>
      (await compareWithChain(parsed, { ...facts, ...changed })).filter((c) => !c.ok).map((c) => c.name);
    expect(await failed({ order: { ...facts.order, state: 'refunded' } })).toEqual(['chain:order']);
    expect(await failed({ order: { ...facts.order, splitHash: facts.offer } })).toEqual(['chain:split']);
    expect(await failed({ transaction: { ...facts.transaction, succeeded: false } })).toEqual(['chain:transaction']);
  });
});

describe('the trust file', () => {
  it('is closed, and a quorum beyond its witnesses is refused', () => {
    expect(trustSchema.safeParse(trust).success).toBe(true);
    expect(trustSchema.safeParse({ ...trust, extra: 1 }).success).toBe(false);
    expect(trustSchema.safeParse({ ...trust, witnesses: { quorum: 1, vkeys: [] } }).success).toBe(false);
    expect(trustSchema.safeParse({ ...trust, log: { ...trust.log, vkey: 'x' } }).success).toBe(false);
  });
});

/** The signature that recovers to the same signer with the other of both s: what nobody without the key needs to be given. */
function malleated(signature: Hex): Hex {
  const n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const s = (n - BigInt(`0x${signature.slice(66, 130)}`)).toString(16).padStart(64, '0');
  return `${signature.slice(0, 66)}${s}${signature.endsWith('1b') ? '1c' : '1b'}` as Hex;
}

function swapCase(c: string): string {
  return c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase();
}
