import { StreamUtils } from '@ceramicnetwork/common';
import { StreamID, StreamRef } from '@ceramicnetwork/streamid';
import fastify from 'fastify';

/** A commit's block holds 256 kB at most; base64 and a second block of a CACAO fit with room to spare. */
const BODY_LIMIT_BYTES = 1 << 20;

/**
 * The part of js-ceramic's HTTP API (`/api/v0`) that `@ceramicnetwork/http-client` uses to write and read streams.
 * Collections are missing: they need js-ceramic's index, which is off.
 */
export function httpServer(ceramic) {
  const app = fastify({ bodyLimit: BODY_LIMIT_BYTES, forceCloseConnections: true });
  app.setErrorHandler((error, _request, reply) =>
    reply.code(error.statusCode ?? 500).send({ error: error instanceof Error ? error.message : String(error) }),
  );
  app.register(async (api) => routes(api, ceramic), { prefix: '/api/v0' });
  return app;
}

function routes(api, ceramic) {
  api.post('/streams', async ({ body }) => {
    const genesis = parsed(() => StreamUtils.deserializeCommit(body.genesis));
    return streamJson(await ceramic.createStreamFromGenesis(body.type, genesis, body.opts));
  });
  api.get('/streams/:id', async ({ params, query }) => {
    const reference = parsed(() => StreamRef.from(params.id));
    return streamJson(await ceramic.loadStream(reference, loadOptions(query)));
  });
  api.post('/commits', async ({ body }) => {
    const commit = parsed(() => StreamUtils.deserializeCommit(body.commit));
    return streamJson(
      await ceramic.applyCommit(
        parsed(() => StreamID.fromString(body.streamId)),
        commit,
        body.opts,
      ),
    );
  });
  api.get('/commits/:id', async ({ params }) => {
    const commits = await ceramic.loadStreamCommits(parsed(() => StreamID.fromString(params.id)));
    const json = commits.map(({ cid, value }) => ({ cid, value: StreamUtils.serializeCommit(copiedAtOnce(value)) }));
    return { streamId: params.id, commits: json };
  });
  api.post('/multiqueries', async ({ body }) => {
    const streams = await ceramic.multiQuery(body.queries, body.timeout);
    const entries = Object.entries(streams);
    return Object.fromEntries(entries.map(([key, stream]) => [key, StreamUtils.serializeState(stream.state)]));
  });
  api.get('/node/chains', async () => ({ supportedChains: await ceramic.getSupportedChains() }));
  api.get('/node/healthcheck', async () => 'Alive!');
}

/** `serializeCommit` copies any array of bytes but a Buffer one by one: three milliseconds for a batch of 1,000 records. */
function copiedAtOnce(commit) {
  const { linkedBlock: block } = commit;
  if (block === undefined) return commit;
  return { ...commit, linkedBlock: Buffer.from(block.buffer, block.byteOffset, block.length) };
}

function streamJson(stream) {
  return { streamId: stream.id.toString(), state: StreamUtils.serializeState(stream.state) };
}

/** js-ceramic's client sends its options as a query string; they are booleans, numbers and words. */
function loadOptions(query) {
  return Object.fromEntries(Object.entries(query).map(([key, text]) => [key, scalar(text)]));
}

function scalar(text) {
  if (text === 'true' || text === 'false') return text === 'true';
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** Runs a parser of what the client sent: what it throws is the client's fault. */
function parsed(parse) {
  try {
    return parse();
  } catch (error) {
    throw Object.assign(new Error(`unreadable request: ${error.message}`), { statusCode: 400 });
  }
}
