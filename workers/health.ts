import fastify, { type FastifyInstance } from 'fastify';
import { collectDefaultMetrics, register } from 'prom-client';

/** `/healthz`, `/readyz` and `/metrics` of a worker, which serves nothing else. */
export async function serveHealth(host: string, port: number, ready: () => Promise<void>): Promise<FastifyInstance> {
  const server = fastify();
  collectDefaultMetrics();
  server.get('/healthz', async () => ({ ok: true }));
  server.get('/readyz', async (_request, reply) => {
    try {
      await ready();
      return { ok: true };
    } catch (error) {
      return reply.code(503).send({ ok: false, reason: error instanceof Error ? error.message : 'unknown' });
    }
  });
  server.get('/metrics', async (_request, reply) => reply.type(register.contentType).send(await register.metrics()));
  await server.listen({ host, port });
  return server;
}
