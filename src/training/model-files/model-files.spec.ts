import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { trainer } from '../../../test/support/provenance-story.js';
import { jsonDigest, sha256Hex, utf8, type Bytes32 } from '../../kernel/index.js';
import { declarationSchema } from '../model-declaration.js';
import { modelSigningKey } from '../run-job/worker-account.js';
import { FITTED_FILE, METRIC_FILE, MODEL_FILE_NAMES, modelFilesOf, type ModelFacts, type ModelFiles } from './index.js';

const word = (digit: string): Bytes32 => `0x${digit.repeat(64)}`;
const declaration = declarationSchema.parse({
  version: 1,
  graph: '0'.repeat(64),
  weights: '1'.repeat(64),
  trainable: ['w'],
  tied: {},
  inputs: [{ name: 'input', shape: [3], dtype: 'float32' }],
  features: { input: [{ kind: 'scale', column: 'x', min: 0, max: 1 }] },
  label: { kind: 'class', column: 'y', classes: [0, 1] },
  loss: { name: 'cross-entropy' },
  optimiser: { name: 'sgd', learningRate: 0.1, momentum: 0, nesterov: false, weightDecay: 0 },
  schedule: { name: 'constant' },
  epochs: 3,
  batchRows: 8,
  microBatchRows: null,
  seed: 1,
  precision: 'float32',
  return: 'trainable',
  privacy: {
    epsilon: 3,
    delta: 1e-6,
    noiseMultiplier: 1.2,
    clippingNorm: 1,
    samplingRate: 0.08,
    steps: 39,
    unit: { kind: 'column', column: 'patient: "7"', maxRows: 8 },
  },
});
const facts: ModelFacts = {
  orderId: word('a'),
  keyId: word('b'),
  termsDigest: word('c'),
  manifestDigest: word('d'),
  manifest: { title: 'Heart rates', datasetVersion: 2, rowCount: 100 },
  terms: { title: 'Hospital terms, 2026' },
  declaration,
  weightsSha256: sha256Hex(utf8('weights')),
  tensors: 4,
  parameters: 4000,
  trainer,
  startedAt: new Date('2026-11-26T08:00:00Z'),
  finishedAt: new Date('2026-11-26T08:01:00Z'),
  apiUrl: 'https://market.example',
};
const key = modelSigningKey(new Uint8Array(32).fill(7), facts.orderId);
const filesOf = (change: Partial<ModelFacts> = {}): ModelFiles => modelFilesOf({ ...facts, ...change }, key);

describe('the model card', () => {
  const frontOf = (files: ModelFiles): Record<string, unknown> => {
    const [, front = ''] = files['model-card.md'].split('---\n');
    return parse(front) as Record<string, unknown>;
  };

  it('begins with what Hugging Face reads: datasets, licence, privacy, digest', () => {
    expect(frontOf(filesOf())).toEqual({
      license: 'other',
      license_name: 'hospital-terms-2026',
      license_link: `https://market.example/terms/${'c'.repeat(64)}`,
      datasets: [`weighbridge:dataset:${facts.keyId}`],
      library_name: 'safetensors',
      tags: ['weighbridge', 'differential-privacy'],
      weighbridge: {
        job: facts.orderId,
        weights_sha256: facts.weightsSha256,
        privacy: { epsilon: 3, delta: 1e-6, unit: 'patient: "7"' },
      },
    });
  });

  it('says in so many words that a run was not private', () => {
    const files = filesOf({ declaration: { ...declaration, privacy: 'none' } });
    expect(frontOf(files)).toMatchObject({
      tags: ['weighbridge'],
      weighbridge: { privacy: 'none; the model may memorise rows' },
    });
    expect(files['model-card.md']).toContain('## Privacy\n\nNone; the model may memorise rows.');
  });

  it('says what goes in and what comes out, in which order', () => {
    const label = { kind: 'class' as const, column: 'sick', classes: ['no', 'yes', 3] };
    const words = { kind: 'one-hot' as const, column: 'region', vocabulary: ['north', 'south'] };
    const scale = (column: string, max: number) => ({ kind: 'scale' as const, column, min: 0, max });
    const many = Array.from({ length: 11 }, (_, k) => scale(`c${k}`, 1));
    const age = scale('age', 120);
    const card = filesOf({ declaration: { ...declaration, label, features: { input: [age, words, ...many] } } });
    expect(card['model-card.md']).toContain(
      '- in: "input", float32[3]: "age" scaled from 0 to 120, "region" as one of 2 words, ',
    );
    expect(card['model-card.md']).toContain('"c9" scaled from 0 to 1, and 1 more\n');
    expect(card['model-card.md']).toContain('for each class of "sick", in this order: "no", "yes", 3\n');
    expect(card['model-card.md']).toContain('weighbridge.inputs("declaration.json", rows)');
    expect(jsonDigest(JSON.parse(card['declaration.json']))).toBe(sha256Hex(utf8(card['declaration.json'])));
  });

  it('says of every kind of label how to read the output', () => {
    const columns = [{ column: 'cost', min: 0, max: 10 }];
    for (const [label, text] of [
      [{ kind: 'numbers', columns }, '"cost", where 0 means 0 and 1 means 10'],
      [{ kind: 'binary', columns: [{ column: 'sick', positive: 'yes' }] }, 'a logit each for "sick" = "yes"'],
      [{ kind: 'tokens', input: 'input', pad: null }, 'each token that may come next in "input"'],
      [{ kind: 'class-map', column: 'mask', shape: [2, 2], classes: 3 }, '3 classes at every place of "mask"'],
    ] as const) {
      const changed = declarationSchema.parse({ ...declaration, label });
      const out = filesOf({ declaration: changed })['model-card.md'].match(/^- out: .*$/m)?.[0];
      expect(out).toContain(text);
    }
  });

  it('quotes what the seller wrote, whatever that is', () => {
    const title = 'x"\n---\nlicense: mit\n# [click](javascript:1) <script>\u202e`';
    const label = { kind: 'class' as const, column: title, classes: [title, 'b'] };
    const features = { input: [{ kind: 'scale' as const, column: title, min: 0, max: 1 }] };
    const its = { ...declaration, label, features };
    const files = filesOf({ manifest: { ...facts.manifest, title }, terms: { title }, declaration: its });
    expect(frontOf(files)).toMatchObject({ license: 'other', license_name: 'x-license-mit-click-javascript-1-script' });
    expect(files['model-card.md']).not.toMatch(/^license: mit|^# \[|[^\\]<script|\u202e/m);
  });
});

describe('the bill of materials', () => {
  const schema = (name: string): object =>
    JSON.parse(readFileSync(new URL(`../../../test/vectors/cyclonedx/${name}`, import.meta.url), 'utf8')) as object;
  const isTime = (text: string): boolean => !Number.isNaN(Date.parse(text));
  const formats = { 'date-time': isTime, 'idn-email': /@/, 'iri-reference': /^\S*$/, uri: /^\w+:\S+$/ };
  const ajv = new Ajv({ strict: false, formats });
  // By the names that the schema itself calls them.
  for (const name of ['spdx.SNAPSHOT.schema.json', 'jsf-0.82.SNAPSHOT.schema.json']) {
    ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}`);
  }
  const isValid = ajv.compile(schema('bom-1.6.SNAPSHOT.schema.json'));

  it('is CycloneDX 1.6 by its schema', () => {
    const metric = { name: 'loss', value: 1.2, deviation: 0.1, rows: 40, bound: 4, noiseMultiplier: 0.8 } as const;
    for (const change of [{}, { declaration: { ...declaration, privacy: 'none' as const } }, { metric }]) {
      const bom: unknown = JSON.parse(filesOf(change)['model.cdx.json']);
      isValid(bom);
      expect(isValid.errors ?? []).toEqual([]);
    }
    const bom = JSON.parse(filesOf()['model.cdx.json']) as { metadata: { component: object } };
    expect(isValid({ ...bom, metadata: { component: { ...bom.metadata.component, hashes: 'abc' } } })).toBe(false);
  });

  it('names the model, the dataset, the graph and the first weights by their digests', () => {
    const text = filesOf()['model.cdx.json'];
    for (const digest of [facts.weightsSha256, 'd'.repeat(64), declaration.graph, declaration.weights]) {
      expect(text).toContain(`"content": "${digest}"`);
    }
    expect(filesOf()['model.cdx.json']).toBe(text);
    expect(filesOf({ orderId: word('e') })['model.cdx.json']).not.toBe(text);
  });
});

describe('the signature', () => {
  const read = (files: ModelFiles) => {
    const bundle = JSON.parse(files['model.sig']) as {
      mediaType: string;
      verificationMaterial: { publicKey: { hint: string }; tlogEntries: unknown[] };
      dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string }[] };
    };
    const payload = Buffer.from(bundle.dsseEnvelope.payload, 'base64');
    return { bundle, payload, statement: JSON.parse(payload.toString()) as Record<string, unknown> };
  };

  it('holds by the key beside it, as OpenSSL checks it, over exactly what is signed', () => {
    const files = filesOf();
    const { bundle, payload } = read(files);
    const { payloadType, signatures } = bundle.dsseEnvelope;
    const signed = Buffer.concat([
      Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `),
      payload,
    ]);
    const sig = Buffer.from(signatures[0]?.sig ?? '', 'base64');
    const publicKey = createPublicKey(files['model-signing-key.pub']);
    expect(verify('sha256', signed, publicKey, sig)).toBe(true);
    expect(verify('sha256', Buffer.concat([signed, Buffer.from(' ')]), publicKey, sig)).toBe(false);
    expect(bundle.verificationMaterial).toEqual({
      publicKey: { hint: createHash('sha256').update(files['model-signing-key.pub']).digest('hex') },
      tlogEntries: [],
    });
    expect(publicKey.export({ type: 'spki', format: 'pem' })).toBe(files['model-signing-key.pub']);
  });

  it('names weights, card and bill of materials by their digests, and itself by the digest of those', () => {
    const files = filesOf();
    const resources = [
      { name: 'declaration.json', algorithm: 'sha256', digest: jsonDigest(declaration) },
      { name: 'model-card.md', algorithm: 'sha256', digest: sha256Hex(utf8(files['model-card.md'])) },
      { name: 'model.cdx.json', algorithm: 'sha256', digest: sha256Hex(utf8(files['model.cdx.json'])) },
      { name: 'weights.safetensors', algorithm: 'sha256', digest: facts.weightsSha256 },
    ];
    const root = createHash('sha256');
    for (const { digest } of resources) root.update(Buffer.from(digest, 'hex'));
    expect(read(files).statement).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: `job:${facts.orderId}`, digest: { sha256: root.digest('hex') } }],
      predicateType: 'https://model_signing/signature/v1.0',
      predicate: { serialization: { method: 'files', hash_type: 'sha256', allow_symlinks: false }, resources },
    });
  });

  // These files passed OpenSSF's own tool: test/standards/check_model_signature.py.
  it('is the one that the model signing tool takes', async () => {
    for (const [name, text] of Object.entries({ ...filesOf(), 'weights.safetensors': 'weights' })) {
      await expect(text).toMatchFileSnapshot(`../../../test/vectors/model-signature/${name}`);
    }
  });

  it('is by a key of this job alone, which a restarted worker has again', () => {
    const seed = new Uint8Array(32).fill(7);
    expect(modelSigningKey(seed, facts.orderId)).toEqual(key);
    expect(modelSigningKey(seed, word('e'))).not.toEqual(key);
    expect(modelSigningKey(new Uint8Array(32), facts.orderId)).not.toEqual(key);
  });

  it('is one of five files, and no more', () => {
    expect(Object.keys(filesOf())).toEqual([...MODEL_FILE_NAMES]);
  });

  it('is over the metric too, where one was bought', () => {
    const metric = {
      name: 'accuracy',
      value: 0.87,
      deviation: 0.02,
      rows: 40,
      bound: 1,
      noiseMultiplier: 0.8,
    } as const;
    const files = filesOf({ metric });
    expect(Object.keys(files).toSorted()).toEqual([...MODEL_FILE_NAMES, METRIC_FILE].toSorted());
    expect(JSON.parse(files[METRIC_FILE] ?? '')).toEqual(metric);
    expect(JSON.stringify(read(files).statement)).toContain(sha256Hex(utf8(files[METRIC_FILE] ?? '')));
    expect(parse(files['model-card.md'].split('---\n')[1] ?? '')).toMatchObject({
      weighbridge: { metric: { accuracy: 0.87, noise: 0.02, rows: 40 } },
    });
    expect(files['model-card.md']).toContain('- accuracy 0.87 over 40 rows');
    expect(files['model-card.md']).not.toContain('nobody');
  });

  it('is over the fitted features too, which the card speaks of', () => {
    const features = { input: [{ kind: 'scale' as const, column: 'age', min: 41.25, max: 53.5 }] };
    if (declaration.privacy === 'none') throw new Error('a private run');
    const privacy = { ...declaration.privacy, moments: { noiseMultiplier: 9.5 } };
    const files = filesOf({ features, declaration: { ...declaration, privacy } });
    expect(Object.keys(files).toSorted()).toEqual([...MODEL_FILE_NAMES, FITTED_FILE].toSorted());
    expect(JSON.parse(files[FITTED_FILE] ?? '')).toEqual(features);
    expect(JSON.stringify(read(files).statement)).toContain(sha256Hex(utf8(files[FITTED_FILE] ?? '')));
    expect(files['model-card.md']).toContain('standardised by a mean and a deviation of the rows');
    expect(files['model-card.md']).toContain('noise multiplier 9.5, in the same epsilon');
  });
});
