import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { misfits, readProtos } from '../../../test/support/proto-json.js';
import { market, parties, provenanceStory } from '../../../test/support/provenance-story.js';
import { orderIdOf } from '../../kernel/index.js';
import { positionAfter } from '../position.js';
import { parseEntry, sealRecord } from '../record.js';
import { accessGrantedRecord, trainingRefusedRecord } from '../run-record-builders.js';
import { consentRevokedRecord } from '../statement-builders.js';
import { historyOf } from './history.js';
import { runIdOf, toOpenLineage } from './openlineage.js';
import { toProv } from './prov.js';
import { toSlsa } from './slsa.js';

// Real: signed records of a run that was settled and of one that was refused, and the schemas that the W3C, OpenLineage, in-toto
// and SLSA publish (test/vectors says where they are from).
const vector = (name: string) => path.resolve(import.meta.dirname, '../../../test/vectors', name);
const json = (name: string) => JSON.parse(readFileSync(vector(name), 'utf8')) as Record<string, unknown>;
const story = await provenanceStory();
const refusedOrder = { ...story.order, salt: `0x${'5b'.repeat(32)}` as const };
const at = new Date(Date.UTC(2026, 10, 25, 13));
const grantedToo = await sealRecord({
  ...accessGrantedRecord(market, {
    order: refusedOrder,
    buyer: parties.pseudonym.address,
    worker: parties.worker.address,
    assignSignature: '0x00',
    position: positionAfter(story.entries.settled),
    grantedAt: at,
  }),
  signer: parties.operator,
});
const refused = await sealRecord({
  ...trainingRefusedRecord(market, {
    order: refusedOrder,
    reason: 'out-of-memory',
    position: positionAfter(grantedToo),
    refusedAt: at,
  }),
  signer: parties.operator,
});
const { listed, licensed, granted, completed, settled } = story.entries;
const [licenceRevoked, revoked] = await Promise.all(
  [story.order.licence, null].map(async (licence) =>
    sealRecord({
      ...consentRevokedRecord(market, { offer: story.offer, licence, position: positionAfter(refused), revokedAt: at }),
      signer: parties.seller,
    }),
  ),
);
const entries = [listed, licensed, granted, completed, settled, grantedToo, refused, licenceRevoked, revoked];
const records = entries
  .flatMap((bytes) => bytes ?? [])
  .map((bytes, index) => ({
    index,
    entry: parseEntry(bytes),
  }));
const history = historyOf(records);
const weights = `0x${'33'.repeat(32)}`;

describe('a history', () => {
  it('is told run by run, whatever the order in which its records come', () => {
    expect(historyOf(records.toReversed())).toEqual(history);
    expect(history.runs.map((run) => Object.keys(run))).toEqual([
      ['orderId', 'granted', 'completed', 'settled'],
      ['orderId', 'granted', 'refused'],
    ]);
  });
});

describe('as PROV-JSON', () => {
  // Of draft 4: the two keywords that later drafts spell otherwise only name it.
  const { id: _id, $schema: _draft, ...schema } = json('prov-json/prov-json.schema.json');
  const valid = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  const document = toProv(history, 'https://weighbridge.dev/ns/1#');

  it('is valid by the W3C’s schema, and the schema can refuse', () => {
    expect(valid(document) || valid.errors).toBe(true);
    expect(valid({ ...document, used: { '_:r1': { 'prov:activity': 7 } } })).toBe(false);
    expect(valid({ ...document, anything: {} })).toBe(false);
  });

  it('leads from the weights to the data, the licence and the parties', () => {
    const run = `wb:run-${story.orderId}`;
    const values = (kind: string) => Object.values(document[kind] ?? {});
    expect(values('wasGeneratedBy')).toEqual([
      expect.objectContaining({ 'prov:entity': `wb:weights-${weights}`, 'prov:activity': run }),
    ]);
    expect(values('wasDerivedFrom')).toEqual([
      expect.objectContaining({ 'prov:usedEntity': `wb:dataset-${story.keyId}` }),
    ]);
    const used = values('used').filter((u) => (u as Record<string, string>)['prov:activity'] === run);
    expect(used.map((u) => (u as Record<string, string>)['prov:entity'])).toEqual([
      `wb:dataset-${story.keyId}`,
      `wb:licence-${story.order.licence}`,
      `wb:model-${story.order.jobDigest}`,
    ]);
    expect(document['activity']?.[run]).toMatchObject({ 'prov:startTime': '2026-11-25T12:00:03.000Z' });
  });

  it('says of a refused run why, and makes no weights of it', () => {
    expect(document['activity']?.[`wb:run-${orderIdOf(market, refusedOrder)}`]).toMatchObject({
      'wb:refused': 'out-of-memory',
    });
    expect(Object.keys(document['entity'] ?? {}).filter((name) => name.startsWith('wb:weights-'))).toHaveLength(1);
  });
});

describe('as PROV-JSON and OpenLineage, a revocation', () => {
  it('invalidates the licence, or the dataset, by the seller and at its time', () => {
    const document = toProv(history, 'https://weighbridge.dev/ns/1#');
    expect(Object.values(document['wasInvalidatedBy'] ?? {})).toEqual([
      {
        'prov:entity': `wb:licence-${story.order.licence}`,
        'prov:activity': 'wb:revocation-7',
        'prov:time': at.toISOString(),
      },
      { 'prov:entity': `wb:dataset-${story.keyId}`, 'prov:activity': 'wb:revocation-8', 'prov:time': at.toISOString() },
    ]);
    const seller = `wb:agent-${parties.seller.address.toLowerCase()}`;
    expect(Object.values(document['wasAssociatedWith'] ?? {})).toContainEqual({
      'prov:activity': 'wb:revocation-8',
      'prov:agent': seller,
    });
    // What was trained stays trained: nothing takes the weights back.
    expect(JSON.stringify(document['wasInvalidatedBy'])).not.toContain('weights');
    const events = toOpenLineage(history, 'weighbridge://1/0x2').slice(-2);
    expect(events).toMatchObject([
      { dataset: { name: story.keyId, facets: { weighbridge_revocation: { licence: story.order.licence } } } },
      { dataset: { name: story.keyId, facets: { weighbridge_revocation: { licence: null, logIndex: 8 } } } },
    ]);
  });
});

describe('as OpenLineage', () => {
  const ajv = new Ajv2020({ strict: false, schemas: [json('openlineage/OpenLineage.json')] });
  addFormats.default(ajv);
  const SPEC = 'https://openlineage.io/spec/2-0-2/OpenLineage.json';
  const valid = ajv.compile({ $ref: SPEC });
  const validRun = ajv.compile({ $ref: `${SPEC}#/$defs/RunEvent` });
  const validDataset = ajv.compile({ $ref: `${SPEC}#/$defs/DatasetEvent` });
  const validFacets = ajv.compile(json('openlineage/ErrorMessageRunFacet.json'));
  const all = toOpenLineage(history, 'weighbridge://1/0x2');
  const events = all.filter((event) => 'run' in event);

  it('tells of runs and revocations in events that are valid by its schema', () => {
    for (const event of all) {
      const judge = 'run' in event ? validRun : validDataset;
      expect(judge(event) || judge.errors).toBe(true);
      expect(valid(event) || valid.errors).toBe(true);
      expect(event.schemaURL).toBe(`${SPEC}#/$defs/${'run' in event ? 'RunEvent' : 'DatasetEvent'}`);
    }
    const failed = events[3]?.run.facets ?? {};
    expect(validFacets(failed) || validFacets.errors).toBe(true);
  });

  it.each([
    ['a run id that is no UUID', { run: { runId: 'r1' } }],
    ['a time that is none', { eventTime: 'yesterday' }],
    ['another type of event', { eventType: 'BEGUN' }],
    ['a dataset without a name', { inputs: [{ namespace: 'n' }] }],
    [
      'a facet that names no schema',
      { job: { namespace: 'n', name: 'j', facets: { f: { _producer: 'https://x.example' } } } },
    ],
  ])('is refused by that schema with %s', (_, change) => {
    expect(validRun({ ...events[0], ...change })).toBe(false);
  });

  it('starts every run and ends it as it ended', () => {
    expect(events.map(({ eventType }) => eventType)).toEqual(['START', 'COMPLETE', 'START', 'FAIL']);
    expect(events[1]?.outputs[0]?.name).toBe(`weights/${weights}`);
    expect(events[3]?.run.facets['errorMessage']).toMatchObject({ message: 'out-of-memory' });
  });

  it('gives a run one id, the same at every export', () => {
    expect(runIdOf(story.orderId)).toBe(events[0]?.run.runId);
    expect(events[0]?.run.runId).toBe(events[1]?.run.runId);
    expect(events[2]?.run.runId).not.toBe(events[0]?.run.runId);
  });
});

describe('as SLSA provenance', () => {
  const root = readProtos(
    ['statement', 'resource_descriptor', 'provenance'].map((name) => vector(`in-toto/${name}.proto`)),
  );
  const problems = (statement: Record<string, unknown> | undefined) => [
    ...misfits(root, 'in_toto_attestation.v1.Statement', statement),
    ...misfits(root, 'in_toto_attestation.predicates.provenance.v1.Provenance', statement?.predicate),
  ];

  it('is valid by the schemas of in-toto and SLSA, which can refuse', () => {
    const [statement] = toSlsa(history);
    expect(problems(statement)).toEqual([]);
    expect(problems({ ...statement, signed: true })).toEqual([
      'in_toto_attestation.v1.Statement.signed: no such field',
    ]);
    const predicate = { runDetails: { builder: { id: 1 }, metadata: { startedOn: 'today' } }, materials: [] };
    expect(problems({ ...statement, subject: {}, predicate })).toHaveLength(4);
  });

  it('is what the worker signed: an in-toto Statement v1 with an SLSA Provenance v1 predicate', () => {
    const [statement, ...more] = toSlsa(history);
    expect(more).toEqual([]);
    expect(statement).toMatchObject({
      _type: 'https://in-toto.io/Statement/v1',
      predicateType: 'https://slsa.dev/provenance/v1',
      subject: [{ name: 'weights.safetensors', digest: { sha256: '33'.repeat(32) } }],
      predicate: {
        buildDefinition: { buildType: expect.any(String), externalParameters: expect.any(Object) },
        runDetails: { builder: { id: expect.stringMatching(/^\w+:/) }, metadata: { invocationId: expect.any(String) } },
      },
    });
  });
});
