import type { Deployed } from '../kernel/index.js';
import { commitmentOfRecord, type RecordContent } from './commitment.js';
import type { UnsignedRecord } from './record.js';
import {
  PREDICATE_TYPES,
  PREDICATES,
  STATEMENT_TYPE,
  type Position,
  type Predicates,
  type RecordType,
  type Statement,
} from './statements.js';

/** What every builder asks for beside its own facts. */
export interface Placed {
  /** Where the record stands among its dataset's; `fixRecord` gives it. */
  position: Position;
}

/** What all builders end with. @throws ZodError for a field that the schema refuses, WeighbridgeError BAD_INPUT */
export function unsigned<T extends RecordType>(
  market: Deployed,
  type: T,
  subject: Statement['subject'][number],
  predicate: Predicates[T],
): UnsignedRecord<T> {
  // Through the schema here, so that a wrong field fails where it is made and not in the log.
  const statement: Statement = {
    _type: STATEMENT_TYPE,
    subject: [subject],
    predicateType: PREDICATE_TYPES[type],
    predicate: PREDICATES[type].parse(predicate),
  };
  const commitment = commitmentOfRecord({ type, statement, predicate } as RecordContent, market);
  return { type, commitment, statement, chainId: market.chainId };
}
