import type { Address, Bytes32 } from '../../kernel/index.js';
import { positionOfRecord, type LogEntry } from '../../provenance/index.js';
import { Completeness } from './completeness.js';
import type { ScannedEntry } from './scan.js';

/** Somebody, and as what. */
export interface Party {
  role: 'seller' | 'buyer' | 'operator' | 'worker' | 'provider';
  address: Address;
}

/** One line of an audit. */
export interface AuditRow {
  index: number;
  /** Its number among the dataset's records. */
  sequence: number;
  type: LogEntry['type'];
  at: string;
  /** On whose behalf the record was made; nobody for a settlement. */
  who: Party | undefined;
  licence: Bytes32 | undefined;
  job: Bytes32 | undefined;
  leafHash: string;
  /** What is wrong; an empty list is a row that holds. */
  problems: string[];
}

/**
 * Puts the records of one dataset in a row and holds each against those before it: an access needs a licence of that buyer, in
 * force, from before; a result needs an access; a settlement needs a result or a refusal. `complete` says whether the records'
 * numbers and digests leave none out.
 */
export function auditRows(entries: ScannedEntry[]): { rows: AuditRow[]; complete: boolean } {
  const seen = new Seen();
  const completeness = new Completeness();
  const rows = entries.map(({ index, leafHash, entry, problem }) => {
    const position = positionOfRecord(entry);
    const problems = [
      ...(problem === undefined ? [] : [problem]),
      ...completeness.take(position, index, leafHash),
      ...seen.take(entry),
    ];
    return { index, sequence: position.sequence, type: entry.type, leafHash, ...describe(entry), problems };
  });
  return { rows, complete: completeness.unbroken === rows.length };
}

function describe(entry: LogEntry): Pick<AuditRow, 'at' | 'who' | 'licence' | 'job'> {
  const none = { licence: undefined, job: undefined };
  switch (entry.type) {
    case 'dataset-listed':
      return { ...none, at: entry.predicate.listedAt, who: { role: 'seller', address: entry.predicate.offer.seller } };
    case 'licence-issued': {
      const { issuedAt, licence, licenceId } = entry.predicate;
      return { at: issuedAt, who: { role: 'buyer', address: licence.buyer }, licence: licenceId, job: undefined };
    }
    case 'access-granted': {
      const { grantedAt, buyer, licence, orderId } = entry.predicate;
      return { at: grantedAt, who: { role: 'buyer', address: buyer }, licence, job: orderId };
    }
    case 'training-completed': {
      const { buildDefinition, runDetails } = entry.predicate;
      const { worker } = buildDefinition.internalParameters;
      return {
        ...none,
        at: runDetails.metadata.finishedOn,
        who: { role: 'worker', address: worker },
        job: buildDefinition.externalParameters.orderId,
      };
    }
    case 'training-refused':
      return {
        ...none,
        at: entry.predicate.refusedAt,
        who: { role: 'operator', address: entry.predicate.operator },
        job: entry.predicate.orderId,
      };
    case 'consent-revoked': {
      const { revokedAt, seller, licence } = entry.predicate;
      return { at: revokedAt, who: { role: 'seller', address: seller }, licence: licence ?? undefined, job: undefined };
    }
    case 'job-settled':
      return { ...none, at: entry.predicate.settledAt, who: undefined, job: entry.predicate.orderId };
    case 'possession-fault':
      return {
        ...none,
        at: entry.predicate.observedAt,
        who: { role: 'provider', address: entry.predicate.provider },
      };
    case 'copy-repaired':
      return { ...none, at: entry.predicate.repairedAt, who: undefined };
    case 'storage-warning':
      return { ...none, at: entry.predicate.warnedAt, who: undefined };
  }
}

/** Consent to the whole dataset version, not to one licence. */
const WHOLE = 'whole';

/** What the log has said so far about this dataset. */
class Seen {
  private listed = false;
  private readonly licences = new Map<Bytes32, { buyer: string; validUntilMs: number }>();
  /** Order to the worker that was let in. */
  private readonly accesses = new Map<Bytes32, string>();
  private readonly ends = new Map<Bytes32, 'completed' | 'refused'>();
  private readonly settled = new Set<Bytes32>();
  /** Licences whose consent was revoked, or `WHOLE`. */
  private readonly revoked = new Set<Bytes32 | typeof WHOLE>();

  /** Notes one record. @returns what it contradicts */
  take(entry: LogEntry): string[] {
    const first = this.listed || entry.type === 'dataset-listed' ? [] : ['the dataset was not listed before'];
    return [...first, ...this.takeOne(entry)];
  }

  private takeOne(entry: LogEntry): string[] {
    switch (entry.type) {
      case 'dataset-listed':
        this.listed = true;
        return [];
      case 'licence-issued': {
        const { licenceId, licence } = entry.predicate;
        this.licences.set(licenceId, {
          buyer: licence.buyer.toLowerCase(),
          validUntilMs: Number(licence.validUntil) * 1000,
        });
        return [];
      }
      case 'access-granted':
        return this.takeAccess(entry.predicate);
      case 'training-completed': {
        const { externalParameters, internalParameters } = entry.predicate.buildDefinition;
        const { orderId } = externalParameters;
        const worker = this.accesses.get(orderId);
        this.ends.set(orderId, 'completed');
        if (worker === undefined) return ['a result without a recorded access'];
        return worker === internalParameters.worker.toLowerCase()
          ? []
          : ['the result is by another worker than was let in'];
      }
      case 'training-refused':
        this.ends.set(entry.predicate.orderId, 'refused');
        return [];
      case 'consent-revoked':
        this.revoked.add(entry.predicate.licence ?? WHOLE);
        return [];
      case 'job-settled':
        return this.takeSettlement(entry.predicate);
      case 'possession-fault':
      case 'copy-repaired':
      case 'storage-warning':
        return [];
    }
  }

  private takeAccess({
    orderId,
    licence,
    buyer,
    worker,
    grantedAt,
  }: Extract<LogEntry, { type: 'access-granted' }>['predicate']): string[] {
    const problems: string[] = [];
    const held = this.licences.get(licence);
    if (held === undefined) problems.push('its licence was not issued before');
    else {
      if (held.buyer !== buyer.toLowerCase()) problems.push('its licence belongs to another buyer');
      if (held.validUntilMs < Date.parse(grantedAt)) problems.push('its licence had ended');
    }
    if (this.revoked.has(WHOLE) || this.revoked.has(licence)) problems.push('consent was revoked before');
    if (this.accesses.has(orderId)) problems.push('a second access for one order');
    this.accesses.set(orderId, worker.toLowerCase());
    return problems;
  }

  private takeSettlement({ orderId, outcome }: Extract<LogEntry, { type: 'job-settled' }>['predicate']): string[] {
    const end = this.ends.get(orderId);
    const problems: string[] = [];
    if (outcome === 'settled' && end !== 'completed') problems.push('paid without a recorded result');
    if (this.settled.has(orderId)) problems.push('settled twice');
    this.settled.add(orderId);
    return problems;
  }
}
