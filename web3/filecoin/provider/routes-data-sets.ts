import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import {
  bytesToHex,
  encodeFunctionData,
  hexToBytes,
  isAddressEqual,
  type ContractFunctionArgs,
  type ContractFunctionName,
} from 'viem';
import { z } from 'zod';
import { addressSchema, bytes32Schema, type Address, type Hex, type Network } from '../../../src/kernel/index.js';
import { pdpVerifierAbi } from '../../chain/abi/pdp-verifier.js';
import { pieceCidFromBytes } from '../piece-cid.js';
import type { ChainClient } from './chain-client.js';
import type { Deletions } from './deletions.js';
import { pieceCidOrRefuse, type PieceFiles } from './piece-files.js';
import type { Pulls } from './pulls.js';
import { Refusal } from './refusal.js';
import { parse } from './routes-pieces.js';
import type { TransactionJournal, TransactionRecord } from './transaction-journal.js';
import type { ContractCall, Transactions } from './transactions.js';

/** What one transaction carries at most. */
const MAX_PIECES_PER_CALL = 40;
const NO_LISTENER: Address = '0x0000000000000000000000000000000000000000';
const PIECES_LISTED = 1_000n;

const hex = z
  .string()
  .regex(/^0x([0-9a-fA-F]{2})*$/)
  .max(200_000)
  .transform((s) => s.toLowerCase() as Hex);
const dataSetId = z
  .string()
  .regex(/^[1-9]\d{0,15}$/)
  .transform(BigInt);
const piecesSchema = z
  .array(z.object({ pieceCid: z.string().max(200) }))
  .min(1)
  .max(MAX_PIECES_PER_CALL);
const createSchema = z.object({ recordKeeper: addressSchema, extraData: hex });

const pullSchema = createSchema.extend({
  dataSetId: z.number().int().nonnegative().optional(),
  pieces: z
    .array(z.object({ pieceCid: z.string().max(200), sourceUrl: z.url({ protocol: /^https?$/ }).max(1_000) }))
    .min(1)
    .max(MAX_PIECES_PER_CALL),
});

interface Parts {
  network: Network;
  chain: ChainClient;
  files: PieceFiles;
  journal: TransactionJournal;
  transactions: Transactions;
  pulls: Pulls;
  deletions: Deletions;
}

/** Curio's routes that bring data sets and pieces on chain. The contracts check the client's consent and money. */
export function dataSetRoutes(app: FastifyInstance, parts: Parts): void {
  const { network, chain, journal, transactions, pulls, deletions } = parts;

  app.post('/pdp/piece/pull', async (request) => {
    const body = parse(pullSchema, request.body);
    const id = BigInt(body.dataSetId ?? 0);
    const cids = body.pieces.map(({ pieceCid }) => ({ data: bytesToHex(pieceCidOrRefuse(pieceCid).bytes) }));
    // As Curio does: nothing is fetched for a client whose consent or money would not bring the pieces on chain.
    const listener = id === 0n ? keeper(body.recordKeeper) : NO_LISTENER;
    await transactions.rehearse(pdpCall(network, 'addPieces', [id, listener, cids, body.extraData]));
    return pulls.status(digestOf([body.extraData, body.pieces]), body.pieces);
  });

  app.post('/pdp/data-sets', async (request, reply) => {
    const { recordKeeper, extraData } = parse(createSchema, request.body);
    const record = await submit('createDataSet', [keeper(recordKeeper), extraData], 0);
    return reply.code(201).header('location', `/pdp/data-sets/created/${record.hash}`).send();
  });

  app.post('/pdp/data-sets/create-and-add', async (request, reply) => {
    const body = parse(createSchema.extend({ pieces: piecesSchema }), request.body);
    const pieces = await storedPieces(body.pieces);
    const record = await submit('addPieces', [0n, keeper(body.recordKeeper), pieces, body.extraData], pieces.length);
    return reply.code(201).header('location', `/pdp/data-sets/created/${record.hash}`).send();
  });

  app.post('/pdp/data-sets/:id/pieces', async (request, reply) => {
    const { id } = parse(z.object({ id: dataSetId }), request.params);
    const body = parse(z.object({ pieces: piecesSchema, extraData: hex }), request.body);
    const pieces = await storedPieces(body.pieces);
    const record = await submit('addPieces', [id, NO_LISTENER, pieces, body.extraData], pieces.length);
    return reply.code(201).header('location', `/pdp/data-sets/${id}/pieces/added/${record.hash}`).send();
  });

  app.delete('/pdp/data-sets/:id/pieces/:pieceId', async (request) => {
    const { id, pieceId } = parse(z.object({ id: dataSetId, pieceId: z.coerce.bigint() }), request.params);
    const { extraData } = parse(z.object({ extraData: hex }), request.body);
    const args = [id, [pieceId], extraData] as const;
    // Noted before the chain hears of it, and only what it will take: a provider that dies in between deletes it all the same.
    if (journal.forRequest(digestOf(['schedulePieceDeletions', args])) === undefined) {
      await transactions.rehearse(pdpCall(network, 'schedulePieceDeletions', args));
      await deletions.note(id, pieceId);
    }
    const record = await submit('schedulePieceDeletions', args, 0);
    return { txHash: record.hash };
  });

  app.get('/pdp/data-sets/created/:hash', async (request) => created(find(request.params)));

  app.get('/pdp/data-sets/:id/pieces/added/:hash', async (request) => {
    const { id } = parse(z.object({ id: dataSetId }), request.params);
    return added(find(request.params), Number(id));
  });

  app.get('/pdp/data-sets/:id', async (request) => {
    const { id } = parse(z.object({ id: dataSetId }), request.params);
    const pdp = { address: network.contracts.pdp, abi: pdpVerifierAbi } as const;
    const read = { ...pdp, args: [id] } as const;
    if (!(await chain.reader.readContract({ ...read, functionName: 'dataSetLive' }))) throw new Refusal(404, '');
    const epoch = await chain.reader.readContract({ ...read, functionName: 'getNextChallengeEpoch' });
    const args = [id, 0n, PIECES_LISTED] as const;
    const [cids, ids] = await chain.reader.readContract({ ...pdp, functionName: 'getActivePieces', args });
    const pieces = cids.map(({ data }, i) => {
      const pieceCid = pieceCidFromBytes(hexToBytes(data))?.text;
      return { pieceCid, pieceId: Number(ids[i]), subPieceCid: pieceCid, subPieceOffset: 0 };
    });
    return { id: Number(id), nextChallengeEpoch: Number(epoch), pieces };
  });

  /** Only under the service of this network: another listener could make this provider pay gas for anything. */
  function keeper(recordKeeper: Address): Address {
    if (!isAddressEqual(recordKeeper, network.contracts.fwss)) {
      throw new Refusal(403, 'this provider serves another record keeper');
    }
    return network.contracts.fwss;
  }

  async function storedPieces(pieces: z.infer<typeof piecesSchema>): Promise<{ data: Hex }[]> {
    return Promise.all(
      pieces.map(async ({ pieceCid }) => {
        deletions.claim(pieceCid);
        if (!(await parts.files.find(pieceCid))) throw new Refusal(400, `piece ${pieceCid} is not stored here`);
        return { data: bytesToHex(pieceCidOrRefuse(pieceCid).bytes) };
      }),
    );
  }

  async function submit<const M extends PdpMethod>(
    functionName: M,
    args: PdpArgs<M>,
    pieceCount: number,
  ): Promise<TransactionRecord> {
    const request = digestOf([functionName, args]);
    return transactions.submit({ ...pdpCall(network, functionName, args), pieceCount, request });
  }

  function find(params: unknown): TransactionRecord {
    const record = journal.get(parse(z.object({ hash: bytes32Schema }), params).hash);
    if (record === undefined) throw new Refusal(404, 'no such transaction of this provider');
    return record;
  }
}

type PdpMethod = ContractFunctionName<typeof pdpVerifierAbi, 'nonpayable' | 'payable'>;
type PdpArgs<M extends PdpMethod> = ContractFunctionArgs<typeof pdpVerifierAbi, 'nonpayable' | 'payable', M>;

function pdpCall<const M extends PdpMethod>(network: Network, functionName: M, args: PdpArgs<M>): ContractCall {
  const call = { abi: pdpVerifierAbi, functionName, args } as Parameters<typeof encodeFunctionData>[0];
  return { to: network.contracts.pdp, data: encodeFunctionData(call) };
}

/** The SDK's schemas fix these fields, `ok: null` for "not known yet" included. */
function created({ hash, status, dataSetId }: TransactionRecord): Record<string, unknown> {
  const done = status === 'confirmed' && dataSetId !== undefined;
  return {
    createMessageHash: hash,
    service: 'public',
    txStatus: status,
    dataSetCreated: done,
    ok: status === 'pending' ? null : done,
    ...(done ? { dataSetId: Number(dataSetId) } : {}),
  };
}

function added({ hash, status, pieceCount, pieceIds }: TransactionRecord, id: number): Record<string, unknown> {
  const done = status === 'confirmed';
  return {
    txHash: hash,
    txStatus: status,
    dataSetId: id,
    pieceCount,
    addMessageOk: done ? true : null,
    piecesAdded: done,
    ...(done ? { confirmedPieceIds: pieceIds } : {}),
  };
}

function digestOf(value: unknown): string {
  const text = JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
  return createHash('sha256').update(text).digest('hex');
}
