import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../../test/support/memory-log.js';
import { signNote, trust, ORIGIN } from '../../../test/support/noted-log.js';
import { market, parties, provenanceStory } from '../../../test/support/provenance-story.js';
import { to0x, utf8 } from '../../kernel/index.js';
import {
  accessGrantedRecord,
  consentRevokedRecord,
  jobSettledRecord,
  parseEntry,
  positionAfter,
  sealRecord,
  trainingRefusedRecord,
  type LogReader,
} from '../../provenance/index.js';
import { formatCheckpoint } from '../../provenance/verify/index.js';
import type { ChainReader } from '../ports.js';
import { compareWithAnchor } from './compare.js';
import { auditRows } from './findings.js';
import { signedHead } from './log-reader.js';
import { scanLog } from './scan.js';

// Real: records, signatures, tiles, proofs. Faked: where the tiles come from, and the chain's answers.
const story = await provenanceStory();
const { listed, licensed, granted, completed, settled } = story.entries;
const whole = [listed, licensed, granted, completed, settled];

function reader(entries: readonly Uint8Array[]): LogReader & { tiles: Map<string, Uint8Array> } {
  const { head, tile, tiles } = memoryLog(entries);
  return { tile, tiles, checkpoint: async () => signNote(formatCheckpoint({ origin: ORIGIN, ...head })) };
}

async function scan(entries: readonly Uint8Array[], dataset: string = story.keyId) {
  const log = reader(entries);
  return scanLog(log, await signedHead(log, trust), trust, dataset);
}

const problems = async (entries: readonly Uint8Array[]) =>
  auditRows((await scan(entries)).entries).rows.flatMap((row) => row.problems.map((one) => `${row.type}: ${one}`));

describe('an audit', () => {
  it('lists every record of a dataset, with who and under which licence', async () => {
    const { rows, complete } = auditRows((await scan(whole)).entries);
    expect(complete).toBe(true);
    expect(rows.map(({ index, type, who, problems: found }) => [index, type, who?.role, who?.address, found])).toEqual([
      [0, 'dataset-listed', 'seller', parties.seller.address, []],
      [1, 'licence-issued', 'buyer', parties.pseudonym.address, []],
      [2, 'access-granted', 'buyer', parties.pseudonym.address, []],
      [3, 'training-completed', 'worker', parties.worker.address, []],
      [4, 'job-settled', undefined, undefined, []],
    ]);
    expect(rows[2]).toMatchObject({ licence: rows[1]?.licence, job: story.orderId });
  });

  it('takes the beginning of an id, and refuses what is none or not there', async () => {
    expect((await scan(whole, story.keyId.slice(0, 10))).keyId).toBe(story.keyId);
    await expect(scan(whole, '0x12')).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(scan(whole, `0x${'00'.repeat(32)}`)).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
  });

  it('finds an access without a licence, and one before its licence', async () => {
    const unlicensed = 'access-granted: its licence was not issued before';
    expect(await problems([listed, granted])).toContain(unlicensed);
    expect(await problems([listed, granted, licensed])).toContain(unlicensed);
  });

  it('finds a result without an access, a payment without a result, and records before the listing', async () => {
    expect(await problems([listed, completed])).toContain('training-completed: a result without a recorded access');
    expect(await problems([listed, settled])).toContain('job-settled: paid without a recorded result');
    expect(await problems([licensed])).toContain('licence-issued: the dataset was not listed before');
  });

  it('finds an order that was let in twice, or settled twice', async () => {
    expect(await problems([listed, licensed, granted, granted])).toEqual([
      'access-granted: a second record 3 of this dataset: entry 2 has that number',
      'access-granted: a second access for one order',
    ]);
    expect(await problems([...whole, settled])).toContain('job-settled: settled twice');
  });

  it('names what is missing, at the beginning, in the middle, and over more than one number', async () => {
    expect(await problems([licensed, granted])).toContain('licence-issued: record 1 of this dataset missing before it');
    const gap = await problems([listed, licensed, granted, settled]);
    expect(gap).toContain('job-settled: record 4 of this dataset missing before it');
    expect(await problems([listed, completed])).toContain(
      'training-completed: records 2 to 3 of this dataset missing before it',
    );
    expect(auditRows((await scan([listed, licensed, granted, settled])).entries).complete).toBe(false);
  });

  it('names a number that came too late, and one that two records have', async () => {
    expect(await problems([listed, granted, licensed])).toContain(
      'licence-issued: record 2 of this dataset comes after record 3',
    );
    const position = positionAfter(licensed);
    const refusal = { order: story.order, reason: 'key-denied', position, refusedAt: new Date(0) } as const;
    const forked = await sealRecord({ ...trainingRefusedRecord(market, refusal), signer: parties.operator });
    expect(await problems([listed, licensed, granted, forked])).toEqual([
      'training-refused: a second record 3 of this dataset: entry 2 has that number',
    ]);
    // The branch that goes on from the record that is not in the log.
    expect(await problems([listed, licensed, forked, completed])).toContain(
      'training-completed: it follows another record 3 than the one in the log',
    );
  });

  it('finds an access after consent was revoked', async () => {
    const { offer } = story;
    const facts = { offer, licence: null, position: positionAfter(licensed), revokedAt: new Date(0) };
    const revoked = await sealRecord({ ...consentRevokedRecord(market, facts), signer: parties.seller });
    expect(await problems([listed, licensed, revoked, granted])).toContain(
      'access-granted: consent was revoked before',
    );
    expect(await problems([...whole, story.later.revoked])).toEqual([]);
  });

  it('finds an access after its licence had ended', async () => {
    const record = accessGrantedRecord(market, {
      order: story.order,
      buyer: story.licence.buyer,
      worker: parties.worker.address,
      assignSignature: `0x${'11'.repeat(64)}1b`,
      position: positionAfter(licensed),
      grantedAt: new Date(Number(story.licence.validUntil) * 1000 + 1000),
    });
    const late = await sealRecord({ ...record, signer: parties.operator });
    expect(await problems([listed, licensed, late])).toEqual(['access-granted: its licence had ended']);
  });

  it('finds a record that somebody else signed', async () => {
    const record = jobSettledRecord(market, {
      orderId: story.orderId,
      keyId: story.keyId,
      outcome: 'refunded',
      transaction: story.orderId,
      payouts: [],
      position: positionAfter(listed),
      settledAt: new Date(0),
    });
    const forged = await sealRecord({ ...record, signer: parties.buyer });
    expect(await problems([listed, forged])).toEqual([expect.stringContaining('is not signed by')]);
  });

  it('counts entries of no known form instead of skipping over them', async () => {
    expect((await scan([...whole, utf8('hello')])).unreadable).toEqual([5]);
  });

  it('ends at a bundle that is not what the checkpoint says', async () => {
    const log = reader(whole);
    const other = memoryLog([...whole.slice(0, 4), licensed]).tiles;
    const name = [...log.tiles.keys()].find((path) => path.includes('entries')) ?? '';
    log.tiles.set(name, other.get(name) ?? new Uint8Array());
    await expect(scanLog(log, await signedHead(log, trust), trust, story.keyId)).rejects.toMatchObject({
      code: 'PROOF_INVALID',
    });
  });

  it('does not begin with a checkpoint that the log did not sign', async () => {
    const log = reader(whole);
    const { head } = memoryLog(whole);
    const forged = async () =>
      signNote(formatCheckpoint({ origin: ORIGIN, ...head }), { secret: new Uint8Array(32).fill(9) });
    await expect(signedHead({ ...log, checkpoint: forged }, trust)).rejects.toMatchObject({ code: 'PROOF_INVALID' });
  });
});

describe('compared with the chain', () => {
  const anchoredAt = (entries: readonly Uint8Array[]): ChainReader => {
    const { size, root } = memoryLog(entries).head;
    return { anchored: async () => ({ size: BigInt(size), root: to0x(root) }) } as unknown as ChainReader;
  };
  const compare = async (chain: ChainReader) => compareWithAnchor(reader(whole), memoryLog(whole).head, chain);

  it.each([
    ['the whole log', 5],
    ['an older state of it', 3],
  ])('agrees with %s', async (_name, size) => {
    expect(await compare(anchoredAt(whole.slice(0, size)))).toMatchObject({ ok: true });
  });

  it('says so when nothing was anchored', async () => {
    const chain = {
      anchored: async () => ({ size: 0n, root: `0x${'00'.repeat(32)}` }),
    } as unknown as ChainReader;
    expect(await compare(chain)).toMatchObject({ ok: true, detail: expect.stringContaining('nothing to compare') });
  });

  it('sees a log that was rewritten, or cut', async () => {
    expect(await compare(anchoredAt([listed, granted, licensed]))).toMatchObject({
      ok: false,
      code: 'CHAIN_DISAGREES',
    });
    expect(await compare(anchoredAt([...whole, listed]))).toMatchObject({
      ok: false,
      detail: 'the chain knows 6 entries, the log shows 5',
    });
  });
});

it('reads the story that it was told', () => {
  expect(whole.map((entry) => parseEntry(entry).type)).toHaveLength(5);
});
