import path from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { chainClient, type ChainClient } from './chain-client.js';
import type { ProviderConfig } from './config.js';
import { Deletions } from './deletions.js';
import { PayCollector } from './pay-collector.js';
import { PieceFiles } from './piece-files.js';
import { ProvingChain } from './proving/chain-state.js';
import { PieceTrees } from './proving/piece-trees.js';
import { Prover } from './proving/prover.js';
import { Pulls } from './pulls.js';
import { Refusal } from './refusal.js';
import { Rounds } from './rounds.js';
import { dataSetRoutes } from './routes-data-sets.js';
import { pieceRoutes } from './routes-pieces.js';
import { TransactionJournal } from './transaction-journal.js';
import { Transactions } from './transactions.js';
import { Uploads } from './uploads.js';

/** A client that stops sending is dropped after this. */
const IDLE_MS = 60_000;
/** Proofs have a deadline; pay and deletions have none, and are looked at so much more seldom. */
const UNHURRIED = 10;

export interface ProviderServer {
  app: FastifyInstance;
  chain: ChainClient;
  /** Takes up transactions that were pending when the process ended, and the proving of what is stored. */
  resume(): Promise<void>;
  close(): Promise<void>;
}

/** A storage provider that speaks Curio's PDP HTTP API, over the state in `config.dir`. It listens nowhere yet. */
export function createProvider(config: ProviderConfig, log: (message: string) => void): ProviderServer {
  const { network, dir } = config;
  const chain = chainClient(network, config.account);
  const files = new PieceFiles(dir, config.capacityBytes);
  const journal = new TransactionJournal(path.join(dir, 'transactions'));
  const transactions = new Transactions(chain, journal, log);
  const trees = new PieceTrees(dir, files);
  const { pdp } = network.contracts;
  const prover = new Prover({ chain: new ProvingChain(chain, network), pdp, trees, journal, transactions, log });
  const collector = new PayCollector({ network, chain, journal, transactions, log });
  const deletions = new Deletions(dir, { network, chain, files, trees, journal, log });
  const proving = new Rounds('proving', async () => prover.pass(), log);
  const tidying = new Rounds(
    'pay and deletions',
    async () => collector.collect().then(async () => deletions.sweep()),
    log,
  );

  const app = Fastify({ forceCloseConnections: true, connectionTimeout: IDLE_MS });
  // A piece goes to disk as it comes; `PieceFiles.receive` has its limit. JSON keeps Fastify's, 1 MiB.
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error instanceof Refusal ? error.status : (error.statusCode ?? 500);
    if (status >= 500) log(`${request.method} ${request.url}: ${error.message}`);
    // The rest of a refused upload is not read: without this the client would send a gigabyte to nobody.
    if (request.method === 'PUT') reply.header('connection', 'close');
    return reply
      .code(status)
      .type('text/plain')
      .send(status === 500 ? 'the provider failed; its log says why' : error.message);
  });
  app.get('/pdp/ping', async (_request, reply) => reply.code(200).send());
  pieceRoutes(app, files, new Uploads(files));
  const pulls = new Pulls(chain, network.contracts.serviceProviderRegistry, files);
  dataSetRoutes(app, { network, chain, files, journal, transactions, pulls, deletions });

  return {
    app,
    chain,
    resume: async () => {
      await transactions.resume();
      proving.start(config.proveEveryMs);
      tidying.start(config.proveEveryMs * UNHURRIED);
    },
    close: async () => {
      await Promise.all([proving.stop(), tidying.stop()]);
      transactions.stop();
      await app.close();
    },
  };
}
