import { Controller, Get, Param, Put, Req, Res, StreamableFile } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { WeighbridgeError } from '../../kernel/index.js';
import { CurrentViewer, Requires, type Viewer } from '../../identity/index.js';
import { BlobAccess } from './blob-access.js';

/** Large bytes go by digest over HTTP, not through GraphQL. */
@Controller('blobs/sha256')
export class BlobsController {
  constructor(private readonly blobs: BlobAccess) {}

  /** 201 for a new blob, 200 for one that was there. The body is the bytes, as application/octet-stream. */
  @Requires('blob.write')
  @Put(':digest')
  async put(
    @CurrentViewer() viewer: Viewer | undefined,
    @Param('digest') digest: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<{ digest: string; sizeBytes: number }> {
    const announced = Number(request.headers['content-length']);
    const announcedBytes = Number.isSafeInteger(announced) ? announced : undefined;
    const stored = await this.blobs.put(viewer, digest, bodyOf(request), announcedBytes);
    void reply.status(stored.created ? 201 : 200);
    return { digest, sizeBytes: stored.sizeBytes };
  }

  @Requires('blob.read')
  @Get(':digest')
  async get(
    @CurrentViewer() viewer: Viewer | undefined,
    @Param('digest') digest: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    const { sizeBytes, stream } = await this.blobs.open(viewer, digest);
    void reply.header('cache-control', 'private, immutable');
    return new StreamableFile(stream, { length: sizeBytes, type: 'application/octet-stream' });
  }
}

/** The server leaves octet streams unread; every other media type was parsed into something that is no blob. */
function bodyOf(request: FastifyRequest): AsyncIterable<Uint8Array> {
  const body = request.body as Partial<AsyncIterable<Uint8Array>> | undefined;
  if (typeof body?.[Symbol.asyncIterator] === 'function') return body as AsyncIterable<Uint8Array>;
  throw new WeighbridgeError('BAD_INPUT', 'the body is no octet stream', {
    next: 'Send the bytes with content-type application/octet-stream.',
  });
}
