import { encodeFunctionData } from 'viem';
import { createSiweMessage } from 'viem/siwe';
import { expect, it } from 'vitest';
import {
  amountOf,
  canonicalJson,
  keyIdOf,
  licenceDigest,
  licenceToJson,
  offerDigest,
  offerToJson,
  orderIdOf,
  orderToJson,
  pseudonymDigest,
} from '../../src/kernel/index.js';
import { pseudonymOf } from '../../src/cli/state/key-file.js';
import { epsilonOf, gaussianRdp, noiseFor } from '../../src/privacy/index.js';
import { REFUSAL_REASONS } from '../../src/provenance/index.js';
import { epsilonOfRun, samplingOf, singleNoise } from '../../src/training/models.js';
import { schemaFeatures } from '../../src/training/recipes/schema-features.js';
import { marketplaceAbi } from '../../web3/chain/abi/marketplace.js';
import { market, parties, provenanceStory } from '../support/provenance-story.js';

/**
 * What the Python client must compute as the rest of the product does. clients/python/tests/test_vectors.py reads the file;
 * after a wanted change, `npx vitest run test/vectors -u` writes it anew.
 */
it('the vectors of the Python client are what TypeScript says', async () => {
  const { offer, licence, order } = await provenanceStory();
  const pseudonym = pseudonymOf(`0x${'5e'.repeat(32)}`, licence.keyId);
  const json = { hello: 'wörld', numbers: [1, 1.5, 1e21, 1e-7, -0], nested: { b: null, a: [true] } };
  const issuedAt = new Date('2026-11-26T04:00:00Z');
  const manifest = {
    columns: [
      { name: 'age', type: 'integer' as const, range: { min: 0, max: 100 } },
      { name: 'bmi', type: 'number' as const, range: { min: 10.5, max: 60 } },
      { name: 'region', type: 'string' as const, vocabulary: ['north', 'south'] },
      { name: 'smoker', type: 'boolean' as const },
      { name: 'free text', type: 'string' as const },
      { name: 'nothing declared', type: 'number' as const },
      { name: 'sick', type: 'integer' as const, range: { min: 0, max: 2 } },
    ],
    label: 'sick',
  };
  const priced = { ...offer, pricePerEpsilon: 333_333_333_333_333_333n, maxEpsilonMicros: 8_000_000n };
  const amounts = [0n, 1n, 1_500_000n, 8_000_000n].map((epsilonMicros) => ({
    offer: offerToJson(priced),
    epsilonMicros: epsilonMicros.toString(),
    amountWei: amountOf(priced, epsilonMicros).toString(),
  }));
  const privacy = [
    { epsilon: 3, delta: 1e-5, rowCount: 10_000, batchRows: 256, epochs: 20 },
    { epsilon: 0.5, delta: 1e-6, rowCount: 397, batchRows: 400, epochs: 3 },
    { epsilon: 8, delta: 1e-7, rowCount: 1_000_003, batchRows: 64, epochs: 1 },
  ].map(({ rowCount, ...wanted }) => {
    const sampling = samplingOf(wanted, rowCount);
    const noiseMultiplier = noiseFor({ ...wanted, ...sampling });
    const cost = epsilonOf(gaussianRdp({ ...sampling, noiseMultiplier }), wanted.delta);
    const metric = { epsilon: 0.5, noiseMultiplier: singleNoise(0.5, wanted.delta) };
    const moments = { epsilon: 0.25, noiseMultiplier: singleNoise(0.25, wanted.delta) };
    const run = { delta: wanted.delta, ...sampling, noiseMultiplier };
    const both = epsilonOfRun({ ...run, metric });
    const all = epsilonOfRun({ ...run, metric, moments });
    return {
      ...{ rowCount, ...wanted, ...sampling, noiseMultiplier, cost },
      metric: { ...metric, both },
      moments: { ...moments, all },
    };
  });
  const vectors = {
    refusalReasons: REFUSAL_REASONS,
    privacy,
    amounts,
    canonical: { value: json, text: canonicalJson(json) },
    market,
    offer: { message: offerToJson(offer), digest: offerDigest(market, offer) },
    keyId: keyIdOf(offer.seller, offer.datasetId, offer.version),
    licence: {
      message: licenceToJson(licence),
      digest: licenceDigest(market, licence),
    },
    pseudonym: {
      accountKey: `0x${'5e'.repeat(32)}`,
      keyId: licence.keyId,
      address: pseudonym.address,
      digest: pseudonymDigest(market, { keyId: licence.keyId, pseudonym: pseudonym.address }),
    },
    order: { message: orderToJson(order), digest: orderIdOf(market, order) },
    openWithoutPermit: encodeFunctionData({
      abi: marketplaceAbi,
      functionName: 'open',
      args: [order, offer, { deadline: 0n, v: 0, r: `0x${'0'.repeat(64)}`, s: `0x${'0'.repeat(64)}` }],
    }),
    siwe: createSiweMessage({
      domain: 'market.example:8080',
      address: parties.buyer.address,
      statement: 'Sign in to Weighbridge.',
      uri: 'https://market.example:8080/api',
      version: '1',
      chainId: market.chainId,
      nonce: 'abcdefgh12345678',
      issuedAt,
      expirationTime: new Date(issuedAt.getTime() + 600_000),
    }),
    schema: { manifest, features: schemaFeatures(manifest).features, label: schemaFeatures(manifest).label },
  };
  await expect(`${JSON.stringify(vectors, null, 1)}\n`).toMatchFileSnapshot('./python-client.json');
});
