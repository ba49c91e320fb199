import type { Bytes32 } from '../../kernel/index.js';
import { completionOf } from '../commitment.js';
import type { History, Recorded, Run } from './history.js';

/** PROV-JSON (W3C member submission): statements by kind, each under an identifier. */
export type ProvDocument = Record<string, Record<string, unknown>>;

type Attributes = Record<string, unknown>;

/**
 * The history in the terms of W3C PROV: datasets, licences, model declarations and weights are entities, runs are activities,
 * parties are agents. `wb:logIndex` leads from each statement back to the record that it was made of.
 * @param namespace - where the identifiers live, an absolute URI
 */
export function toProv(history: History, namespace: string): ProvDocument {
  const document = new Document(namespace);
  for (const listing of history.listings) addListing(document, listing);
  for (const licence of history.licences) addLicence(document, licence);
  for (const run of history.runs) addRun(document, run);
  for (const revocation of history.revocations) addRevocation(document, revocation);
  return document.statements;
}

function addListing(document: Document, { index, entry: { predicate } }: Recorded<'dataset-listed'>): void {
  const { keyId, offer, pieces, listedAt } = predicate;
  document.add('entity', dataset(keyId), {
    'prov:type': qualified('wb:Dataset'),
    'wb:version': offer.version,
    'wb:manifestDigest': offer.manifestDigest,
    'wb:pieceCid': pieces.map(({ pieceCid }) => pieceCid),
    'wb:listedAt': time(listedAt),
    'wb:logIndex': index,
  });
  document.relate('wasAttributedTo', { 'prov:entity': dataset(keyId), 'prov:agent': document.agent(offer.seller) });
}

function addLicence(document: Document, { index, entry: { predicate } }: Recorded<'licence-issued'>): void {
  const { licenceId, licence, issuedAt } = predicate;
  document.add('entity', `wb:licence-${licenceId}`, {
    'prov:type': qualified('wb:Licence'),
    'wb:termsDigest': licence.termsDigest,
    'wb:issuedAt': time(issuedAt),
    'wb:logIndex': index,
  });
  document.relate('wasAttributedTo', {
    'prov:entity': `wb:licence-${licenceId}`,
    'prov:agent': document.agent(licence.buyer),
  });
}

function addRun(document: Document, run: Run): void {
  const { orderId, granted, completed, refused } = run;
  const activity = `wb:run-${orderId}`;
  const metadata = completed?.entry.predicate.runDetails.metadata;
  document.add('activity', activity, {
    'prov:type': qualified('wb:TrainingRun'),
    ...(metadata === undefined ? {} : { 'prov:startTime': metadata.startedOn, 'prov:endTime': metadata.finishedOn }),
    ...(refused === undefined ? {} : { 'wb:refused': refused.entry.predicate.reason }),
    'wb:logIndex': [granted, completed, refused].flatMap((record) => (record === undefined ? [] : [record.index])),
  });
  if (granted !== undefined) addAccess(document, activity, granted);
  if (completed !== undefined) addWeights(document, activity, completed);
}

function addAccess(document: Document, activity: string, { entry: { predicate } }: Recorded<'access-granted'>): void {
  const { keyId, licence, jobDigest, buyer, operator, worker, grantedAt } = predicate;
  document.add('entity', `wb:model-${jobDigest}`, { 'prov:type': qualified('wb:ModelDeclaration') });
  document.relate('used', { 'prov:activity': activity, 'prov:entity': dataset(keyId), 'prov:time': grantedAt });
  document.relate('used', { 'prov:activity': activity, 'prov:entity': `wb:licence-${licence}` });
  document.relate('used', { 'prov:activity': activity, 'prov:entity': `wb:model-${jobDigest}` });
  document.relate('wasAssociatedWith', { 'prov:activity': activity, 'prov:agent': document.agent(worker, true) });
  document.relate('actedOnBehalfOf', {
    'prov:delegate': document.agent(worker, true),
    'prov:responsible': document.agent(operator),
    'prov:activity': activity,
  });
  document.relate('wasAttributedTo', { 'prov:entity': `wb:model-${jobDigest}`, 'prov:agent': document.agent(buyer) });
}

/** Consent that ended is an entity that was invalidated: the dataset for everybody, or one licence. What was made of it stands. */
function addRevocation(document: Document, { index, entry: { predicate } }: Recorded<'consent-revoked'>): void {
  const { keyId, licence, seller, revokedAt } = predicate;
  const activity = `wb:revocation-${index}`;
  document.add('activity', activity, { 'prov:type': qualified('wb:Revocation'), 'wb:logIndex': index });
  document.relate('wasInvalidatedBy', {
    'prov:entity': licence === null ? dataset(keyId) : `wb:licence-${licence}`,
    'prov:activity': activity,
    'prov:time': revokedAt,
  });
  document.relate('wasAssociatedWith', { 'prov:activity': activity, 'prov:agent': document.agent(seller) });
}

function addWeights(document: Document, activity: string, { index, entry }: Recorded<'training-completed'>): void {
  const { weightsDigest } = completionOf(entry);
  const { keyId, privacy } = entry.predicate.buildDefinition.externalParameters;
  const weights = `wb:weights-${weightsDigest}`;
  document.add('entity', weights, {
    'prov:type': qualified('wb:Weights'),
    'wb:privacy': JSON.stringify(privacy),
    'wb:logIndex': index,
  });
  const { finishedOn } = entry.predicate.runDetails.metadata;
  document.relate('wasGeneratedBy', { 'prov:entity': weights, 'prov:activity': activity, 'prov:time': finishedOn });
  document.relate('wasDerivedFrom', {
    'prov:generatedEntity': weights,
    'prov:usedEntity': dataset(keyId),
    'prov:activity': activity,
  });
}

const dataset = (keyId: Bytes32): string => `wb:dataset-${keyId}`;
const qualified = (name: string): Attributes => ({ $: name, type: 'prov:QUALIFIED_NAME' });
const time = (iso: string): Attributes => ({ $: iso, type: 'xsd:dateTime' });

/** Collects statements; relations get blank identifiers, agents appear once. */
class Document {
  readonly statements: ProvDocument;
  private relations = 0;

  constructor(namespace: string) {
    this.statements = { prefix: { wb: namespace } };
  }

  add(kind: string, id: string, attributes: Attributes): void {
    (this.statements[kind] ??= {})[id] = attributes;
  }

  relate(kind: string, attributes: Attributes): void {
    this.add(kind, `_:r${(this.relations += 1)}`, attributes);
  }

  /** @returns its identifier */
  agent(address: string, software = false): string {
    const id = `wb:agent-${address.toLowerCase()}`;
    this.add('agent', id, software ? { 'prov:type': qualified('prov:SoftwareAgent') } : {});
    return id;
  }
}
