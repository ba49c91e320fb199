import type { OutgoingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { parseByteRange } from './byte-range.js';
import type { PieceFiles } from './piece-files.js';
import { Refusal } from './refusal.js';
import { sendFile } from './send-file.js';
import type { Uploads } from './uploads.js';

const sessionSchema = z.object({ id: z.uuid() });
const pieceSchema = z.object({ pieceCid: z.string().max(200) });

/** Curio's routes that take pieces in and give them out. Whoever sends bytes needs no permission; a data set does. */
export function pieceRoutes(app: FastifyInstance, files: PieceFiles, uploads: Uploads): void {
  // CID comes last: open a session, send the bytes, name them.
  app.post('/pdp/piece/uploads', async (_request, reply) => {
    return reply
      .code(201)
      .header('location', `/pdp/piece/uploads/${await uploads.open()}`)
      .send();
  });
  app.put('/pdp/piece/uploads/:id', async (request, reply) => receive(request, reply));
  app.post('/pdp/piece/uploads/:id', async (request) => {
    const { pieceCid } = parse(pieceSchema, request.body);
    await uploads.finish(parse(sessionSchema, request.params).id, pieceCid);
    return { pieceCid };
  });

  // CID comes first: name the piece, send the bytes unless it is there.
  app.post('/pdp/piece', async (request, reply) => {
    const { pieceCid } = parse(pieceSchema, request.body);
    if (await files.find(pieceCid)) return { pieceCid };
    return reply
      .code(201)
      .header('location', `/pdp/piece/upload/${await uploads.open(pieceCid)}`)
      .send();
  });
  app.put('/pdp/piece/upload/:id', async (request, reply) => receive(request, reply));

  app.get('/pdp/piece', async (request) => {
    const { pieceCid } = parse(pieceSchema, request.query);
    if (!(await files.find(pieceCid))) throw new Refusal(404, 'no such piece');
    return { pieceCid };
  });

  app.route({
    method: ['GET', 'HEAD'],
    url: '/piece/:pieceCid',
    handler: async (request, reply) => {
      const { pieceCid } = parse(pieceSchema, request.params);
      const piece = await files.find(pieceCid);
      if (!piece) throw new Refusal(404, 'no such piece');
      const range = parseByteRange(request.headers.range, piece.sizeBytes);
      if (range === 'unsatisfiable') {
        reply.header('content-range', `bytes */${piece.sizeBytes}`);
        throw new Refusal(416, 'no such bytes in this piece');
      }
      const { start, end } = range ?? { start: 0, end: piece.sizeBytes - 1 };
      reply
        .code(range ? 206 : 200)
        .header('content-type', 'application/octet-stream')
        .header('accept-ranges', 'bytes')
        .header('etag', `"${pieceCid}"`)
        .header('content-length', end - start + 1);
      if (range) reply.header('content-range', `bytes ${start}-${end}/${piece.sizeBytes}`);
      if (request.method === 'HEAD') return reply.send();
      // Fastify has nothing to do with the body: a stream of it would allocate every byte once more.
      reply.hijack();
      reply.raw.writeHead(reply.statusCode, reply.getHeaders() as OutgoingHttpHeaders);
      return sendFile(reply.raw, piece.file, start, end);
    },
  });

  async function receive(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    await uploads.receive(parse(sessionSchema, request.params).id, request.body as Readable);
    return reply.code(204).send();
  }
}

/** @throws Refusal 400 naming what is wrong */
export function parse<T extends z.ZodType>(schema: T, value: unknown): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Refusal(400, z.prettifyError(result.error));
}
