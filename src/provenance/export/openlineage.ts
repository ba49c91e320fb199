import type { Bytes32 } from '../../kernel/index.js';
import { completionOf } from '../commitment.js';
import type { History, Recorded, Run } from './history.js';

const SPEC = 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs';
const PRODUCER = 'https://weighbridge.dev';
const JOB_NAME = 'training';

interface Dataset {
  namespace: string;
  name: string;
  facets: Record<string, Facet>;
}
type Facet = { _producer: string; _schemaURL: string } & Record<string, unknown>;

/** An OpenLineage 2-0-2 DatasetEvent: something about a dataset that no run did. */
export interface DatasetEvent {
  eventTime: string;
  producer: string;
  schemaURL: string;
  dataset: Dataset;
}

/** An OpenLineage 2-0-2 RunEvent. */
export interface RunEvent {
  eventType: 'START' | 'COMPLETE' | 'FAIL';
  eventTime: string;
  producer: string;
  schemaURL: string;
  run: { runId: string; facets: Record<string, Facet> };
  job: { namespace: string; name: string };
  inputs: Dataset[];
  outputs: Dataset[];
}

/**
 * The runs of a history as OpenLineage events: START when access was granted, then COMPLETE or FAIL. A run whose end is not in
 * the log yet has its START alone. Licences are no OpenLineage notion; the run's facet names the one it ran under. After the
 * runs, each revocation is an event of the dataset: its consent ended, whole or for one licence.
 * @param namespace - of jobs and datasets, for instance `weighbridge://<chain id>/<marketplace>`
 */
export function toOpenLineage(
  { listings, runs, revocations }: History,
  namespace: string,
): (RunEvent | DatasetEvent)[] {
  const inputOf = (keyId: Bytes32): Dataset => {
    const listing = listings.findLast(({ entry }) => entry.predicate.keyId === keyId);
    return { namespace, name: keyId, facets: listing === undefined ? {} : datasetFacets(listing) };
  };
  return [
    ...runs.flatMap((run) => eventsOf(run, namespace, inputOf)),
    ...revocations.map((revocation) => revokedEvent(revocation, inputOf(revocation.entry.predicate.keyId))),
  ];
}

function revokedEvent(
  { index, entry }: Recorded<'consent-revoked'>,
  { namespace, name, facets }: Dataset,
): DatasetEvent {
  const { seller, licence, revokedAt } = entry.predicate;
  const revoked = facet('DatasetFacet', { seller, licence, revokedAt, logIndex: index });
  return {
    eventTime: revokedAt,
    producer: PRODUCER,
    schemaURL: `${SPEC}/DatasetEvent`,
    dataset: { namespace, name, facets: { ...facets, weighbridge_revocation: revoked } },
  };
}

function eventsOf(run: Run, namespace: string, inputOf: (keyId: Bytes32) => Dataset): RunEvent[] {
  const { granted, completed, refused } = run;
  const base = { producer: PRODUCER, schemaURL: `${SPEC}/RunEvent`, job: { namespace, name: JOB_NAME } };
  const event = (
    eventType: RunEvent['eventType'],
    eventTime: string,
    keyId: Bytes32,
    outputs: Dataset[] = [],
    facets: Record<string, Facet> = {},
  ): RunEvent => ({
    ...base,
    eventType,
    eventTime,
    run: { runId: runIdOf(run.orderId), facets: { ...runFacets(run), ...facets } },
    inputs: [inputOf(keyId)],
    outputs,
  });
  const events: RunEvent[] = [];
  if (granted !== undefined) {
    const { grantedAt, keyId } = granted.entry.predicate;
    events.push(event('START', grantedAt, keyId));
  }
  if (completed !== undefined) {
    const { buildDefinition, runDetails } = completed.entry.predicate;
    const { keyId } = buildDefinition.externalParameters;
    events.push(event('COMPLETE', runDetails.metadata.finishedOn, keyId, [weightsOf(completed, namespace)]));
  }
  if (refused !== undefined) {
    const { refusedAt, keyId, reason } = refused.entry.predicate;
    events.push(event('FAIL', refusedAt, keyId, [], { errorMessage: errorFacet(reason) }));
  }
  return events;
}

function weightsOf({ index, entry }: Recorded<'training-completed'>, namespace: string): Dataset {
  const { weightsDigest, ciphertextDigest } = completionOf(entry);
  const { privacy } = entry.predicate.buildDefinition.externalParameters;
  const facets = { weighbridge_weights: facet('DatasetFacet', { ciphertextDigest, privacy, logIndex: index }) };
  return { namespace, name: `weights/${weightsDigest}`, facets };
}

function datasetFacets({ index, entry: { predicate } }: Recorded<'dataset-listed'>): Record<string, Facet> {
  const { offer, pieces } = predicate;
  return {
    version: {
      _producer: PRODUCER,
      _schemaURL: 'https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json',
      datasetVersion: String(offer.version),
    },
    weighbridge_dataset: facet('DatasetFacet', {
      seller: offer.seller,
      manifestDigest: offer.manifestDigest,
      pieceCids: pieces.map(({ pieceCid }) => pieceCid),
      logIndex: index,
    }),
  };
}

function runFacets({ orderId, granted }: Run): Record<string, Facet> {
  const access = granted?.entry.predicate;
  return {
    weighbridge_run: facet('RunFacet', {
      orderId,
      ...(access === undefined
        ? {}
        : { licence: access.licence, operator: access.operator, worker: access.worker, jobDigest: access.jobDigest }),
      ...(granted === undefined ? {} : { logIndex: granted.index }),
    }),
  };
}

function errorFacet(reason: string): Facet {
  return {
    _producer: PRODUCER,
    _schemaURL: 'https://openlineage.io/spec/facets/1-0-1/ErrorMessageRunFacet.json',
    message: reason,
    programmingLanguage: 'none',
  };
}

function facet(kind: 'DatasetFacet' | 'RunFacet', fields: Record<string, unknown>): Facet {
  return { _producer: PRODUCER, _schemaURL: `${SPEC}/${kind}`, ...fields };
}

/** OpenLineage wants a UUID: version 8 (RFC 9562 section 5.8) over the order id's first bytes, the same at every export. */
export function runIdOf(orderId: Bytes32): string {
  const hex = orderId.slice(2, 34);
  const variant = '89ab'[Number.parseInt(hex.charAt(16), 16) % 4] ?? '8';
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}
