import { StreamUtils, SyncOptions } from '@ceramicnetwork/common';
import type { StreamID } from '@ceramicnetwork/streamid';
import { z } from 'zod';
import type { ContentCommit } from './content-commit.js';
import type { StreamCommit } from './verify-batch-stream.js';

const commitsSchema = z.object({ commits: z.array(z.object({ cid: z.string(), value: z.looseObject({}) })) });

/** As Ceramic's own client writes a content commit. */
const WRITE = { anchor: true, publish: true, sync: SyncOptions.PREFER_CACHE } as const;

/**
 * A node's `/api/v0/commits`, in the words of Ceramic's own client. That one turns blocks into base64 and back byte by byte, and reads
 * the document that an answer repeats.
 */
export class CommitApi {
  private readonly url: URL;

  constructor(nodeUrl: string) {
    this.url = new URL('/api/v0/commits', nodeUrl);
  }

  async apply(streamId: StreamID, { jws, linkedBlock }: ContentCommit, signal: AbortSignal): Promise<void> {
    const commit = { jws: { ...jws, link: jws.link.toString() }, linkedBlock: linkedBlock.toString('base64') };
    const body = JSON.stringify({ streamId: streamId.toString(), commit, opts: WRITE });
    const headers = { 'content-type': 'application/json' };
    await answered(await fetch(this.url, { method: 'POST', headers, body, signal }));
  }

  /** Nothing of what it gives is believed before it is verified. */
  async list(streamId: StreamID, signal: AbortSignal): Promise<StreamCommit[]> {
    const answer = await answered(await fetch(`${this.url}/${streamId.toString()}`, { signal }));
    const { commits } = commitsSchema.parse(JSON.parse(answer.toString()));
    return commits.map(({ cid, value }) => ({ cid, value: commitOf(value) }));
  }
}

async function answered(response: Response): Promise<Buffer> {
  const answer = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${answer.toString('utf8', 0, 500)}`);
  return answer;
}

function commitOf({ linkedBlock, ...value }: Record<string, unknown>): unknown {
  if (typeof linkedBlock === 'string') return { ...value, linkedBlock: Buffer.from(linkedBlock, 'base64') };
  return StreamUtils.deserializeCommit(value);
}
