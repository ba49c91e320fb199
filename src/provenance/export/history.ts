import type { Bytes32 } from '../../kernel/index.js';
import { orderIdOfRecord } from '../commitment.js';
import type { LogEntry } from '../record.js';

/** A record and its place in the log. Exports say only what records say: verify them first. */
export interface RecordedEntry {
  index: number;
  entry: LogEntry;
}

type EntryOf<T extends LogEntry['type']> = Extract<LogEntry, { type: T }>;
export interface Recorded<T extends LogEntry['type']> {
  index: number;
  entry: EntryOf<T>;
}

/** The records of one training run. A run that never got its key has no `granted`. */
export interface Run {
  orderId: Bytes32;
  granted?: Recorded<'access-granted'>;
  completed?: Recorded<'training-completed'>;
  refused?: Recorded<'training-refused'>;
  settled?: Recorded<'job-settled'>;
}

/** A history by what it is about, each part in log order. */
export interface History {
  listings: Recorded<'dataset-listed'>[];
  licences: Recorded<'licence-issued'>[];
  revocations: Recorded<'consent-revoked'>[];
  runs: Run[];
}

const RUN_PART = {
  'access-granted': 'granted',
  'training-completed': 'completed',
  'training-refused': 'refused',
  'job-settled': 'settled',
} as const;

export function historyOf(records: readonly RecordedEntry[]): History {
  const runs = new Map<Bytes32, Run>();
  const history: History = { listings: [], licences: [], revocations: [], runs: [] };
  for (const record of records.toSorted((a, b) => a.index - b.index)) {
    if (isOf(record, 'dataset-listed')) history.listings.push(record);
    else if (isOf(record, 'licence-issued')) history.licences.push(record);
    else if (isOf(record, 'consent-revoked')) history.revocations.push(record);
    else addToRun(runs, record);
  }
  return { ...history, runs: [...runs.values()] };
}

function addToRun(runs: Map<Bytes32, Run>, record: RecordedEntry): void {
  const part = RUN_PART[record.entry.type as keyof typeof RUN_PART] as
    (typeof RUN_PART)[keyof typeof RUN_PART] | undefined;
  const orderId = orderIdOfRecord(record.entry);
  if (part === undefined || orderId === undefined) return;
  const run = runs.get(orderId) ?? { orderId };
  runs.set(orderId, { ...run, [part]: record });
}

function isOf<T extends LogEntry['type']>(record: RecordedEntry, type: T): record is Recorded<T> {
  return record.entry.type === type;
}
