// Real: the signed records. Faked: marketplace and chain, by a few lines that break where the test says.
import { describe, expect, it } from 'vitest';
import { FakeMarket } from '../../../test/support/fake-market.js';
import { market, parties } from '../../../test/support/provenance-story.js';
import { WeighbridgeError, type Bytes32, type Network } from '../../kernel/index.js';
import { commitmentOfRecord, entryBytes, type Envelope, type Statement } from '../../provenance/index.js';
import { verifyEntry } from '../../provenance/verify-entry.js';
import type { Ui } from '../ui/ui.js';
import { revokeConsent, type RevokeDeps } from './revoke.js';

const licence: Bytes32 = `0x${'77'.repeat(32)}`;
const network = { chainId: market.chainId, contracts: { marketplace: market.contract } } as unknown as Network;
const stale = new WeighbridgeError('RECORD_OUT_OF_ORDER', 'another came first', { next: 'Sign again.' });

/** `failures` are thrown by the marketplace, one a call, before it takes the record. */
async function world(failures: WeighbridgeError[] = [], account = parties.seller) {
  const { dataset } = await FakeMarket.create();
  const done: string[] = [];
  const taken: Envelope[] = [];
  let sequence = 4;
  const deps: RevokeDeps = {
    ui: { note: () => undefined } as unknown as Ui,
    network,
    account,
    api: {
      dataset: async () => dataset,
      nextRecord: async () => ({ sequence: ++sequence, previous: '33'.repeat(32) }),
      revokeConsent: async (input) => {
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        done.push('logged');
        taken.push(input['envelope'] as Envelope);
        return { keyId: dataset.id, licence: null, logIndex: 9, revokedAt: '2026-11-25T12:00:00.000Z' };
      },
    },
    chain: {
      revoke: async () => (done.push('dataset told'), licence),
      revokeLicence: async () => (done.push('licence told'), licence),
    },
    now: () => new Date(0),
  };
  return { deps, dataset, done, taken };
}

const statementOf = ({ payload }: Envelope) => JSON.parse(Buffer.from(payload, 'base64').toString()) as Statement;

describe('revoke', () => {
  it.each([
    ['a dataset', null, 'dataset told'],
    ['a licence', licence, 'licence told'],
  ])("of %s tells the contract before it logs, with the seller's own record", async (_name, which, told) => {
    const { deps, dataset, done, taken } = await world();
    await revokeConsent(dataset.id, which, deps);
    expect(done).toEqual([told, 'logged']);
    const envelope = taken[0] ?? expect.fail('no record');
    const statement = statementOf(envelope);
    expect(statement.predicate).toMatchObject({ keyId: dataset.id, licence: which, seller: parties.seller.address });
    const content = { type: 'consent-revoked', statement, predicate: statement.predicate };
    const digest = commitmentOfRecord(content as Parameters<typeof commitmentOfRecord>[0], market);
    const policy = { market, recorder: parties.recorder.address };
    expect(await verifyEntry(entryBytes('consent-revoked', digest, envelope), policy)).toMatchObject({
      commitment: digest,
    });
  });

  it('signs again for the place that is free when another record came first', async () => {
    const { deps, dataset, taken } = await world([stale, stale]);
    await revokeConsent(dataset.id, null, deps);
    expect(statementOf(taken[0] ?? expect.fail('no record')).predicate).toMatchObject({ position: { sequence: 7 } });
  });

  it('stops the keys even when it cannot be logged, and says so by the error', async () => {
    const away = new WeighbridgeError('LOG_UNAVAILABLE', 'away', { next: 'Later.', retryable: true });
    const { deps, dataset, done } = await world([away]);
    await expect(revokeConsent(dataset.id, null, deps)).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    expect(done).toEqual(['dataset told']);
    await revokeConsent(dataset.id, null, deps);
    expect(done).toEqual(['dataset told', 'dataset told', 'logged']);
  });

  it.each([
    ['now, by a record that has lost its milliseconds', '2026-11-25T12:00:00.900Z', false],
    ['by an earlier run', '2026-11-25T12:00:02.000Z', true],
  ])('tells whether consent was revoked %s', async (_when, now, already) => {
    const { deps, dataset } = await world();
    const done = await revokeConsent(dataset.id, null, { ...deps, now: () => new Date(now) });
    expect(done).toMatchObject({ revokedAt: '2026-11-25T12:00:00.000Z', already });
  });

  it('is refused to anybody but the seller before anything is done', async () => {
    const { deps, dataset, done } = await world([], parties.buyer);
    await expect(revokeConsent(dataset.id, null, deps)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(done).toEqual([]);
  });
});
