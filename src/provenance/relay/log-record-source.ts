import { fromHex } from '../../kernel/index.js';
import { nodeHasher } from '../log/node-hasher.js';
import type { LogClient } from '../ports.js';
import { readEntries } from '../tiles/read-entries.js';
import { describeEntry } from './describe-entry.js';
import type { LogStretch, RecordSource } from './ports.js';

/** The log behind its client: entries come from its tiles, each checked against the root of the newest checkpoint. */
export class LogRecordSource implements RecordSource {
  constructor(private readonly log: Pick<LogClient, 'checkpoint' | 'tile'>) {}

  async read(from: number, limit: number): Promise<LogStretch> {
    const { size, root, note } = await this.log.checkpoint();
    const stretch: LogStretch = { from, to: from, checkpoint: note, records: [], unreadable: [] };
    if (from >= size) return stretch;
    const options = { from, to: from + limit, hasher: nodeHasher };
    for await (const entry of readEntries(this.log, { size, root: fromHex(root) }, options)) {
      const record = describeEntry(entry);
      if (record === undefined) stretch.unreadable.push(entry.index);
      else stretch.records.push(record);
      stretch.to = entry.index + 1;
    }
    return stretch;
  }
}
