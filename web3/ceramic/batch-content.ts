import { MAX_RECORDS_PER_BATCH, recordBatch, type RecordBatch } from '../../src/provenance/relay/record-batch.js';

/** A batch as a document on Ceramic. The records are one text: a node validates, patches and copies every member that it has. */
export type BatchContent = Omit<RecordBatch, 'records'> & { records: string };

/** 16 digits, a space, 64 digits, a newline. */
export const MAX_RECORDS_CHARS = MAX_RECORDS_PER_BATCH * (16 + 1 + 64 + 1);
const LINE = /^(0|[1-9]\d{0,15}) ([0-9a-f]{64})$/;

/** Each record a line, `<index> <leaf hash>`. */
export function toContent({ records, ...batch }: RecordBatch): BatchContent {
  return { ...batch, records: records.map(({ index, leafHash }) => `${index} ${leafHash}\n`).join('') };
}

/** Reads a document in its one spelling: another text never stands for the same records. */
export function fromContent(document: Record<string, unknown>): ReturnType<typeof recordBatch.safeParse> {
  return recordBatch.safeParse({ ...document, records: readRecords(document.records) });
}

/** Undefined if a line is none; the schema refuses that. */
function readRecords(text: unknown): { index: number; leafHash: string }[] | undefined {
  if (typeof text !== 'string' || text.length > MAX_RECORDS_CHARS || !text.endsWith('\n')) return undefined;
  const lines = text
    .slice(0, -1)
    .split('\n')
    .map((line) => LINE.exec(line));
  if (lines.includes(null)) return undefined;
  return lines.map((line) => ({ index: Number(line?.[1]), leafHash: line?.[2] ?? '' }));
}
