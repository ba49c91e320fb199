import { Prisma, type Job as JobRow } from '../generated/prisma/client.js';
import {
  offerFromJson,
  offerToJson,
  orderFromJson,
  orderToJson,
  shareFromJson,
  shareToJson,
  type Address,
  type Bytes32,
  type ErrorCode,
  type Hex,
  type OfferJson,
  type OrderJson,
  type ShareJson,
} from '../kernel/index.js';
import type { RefusalReason } from '../provenance/statements.js';
import type { JobState } from './job-state.js';
import type { Job, JobPatch, NewJob } from './job.js';
import type { ModelDeclaration } from './model-declaration.js';

type JobInsert = Prisma.JobCreateManyInput;
type JobUpdate = Prisma.JobUpdateManyMutationInput;

export function jobToRow(job: NewJob): JobInsert {
  return {
    ...job,
    order: orderToJson(job.order),
    offer: offerToJson(job.offer),
    shares: job.shares.map(shareToJson),
    priceWei: job.priceWei.toString(),
  };
}

/** JSON columns take JSON's null as a value of its own; ours means "no value". */
export function patchToRow({ trainer, modelFiles, receipt, pendingEntry, ...rest }: JobPatch): JobUpdate {
  return {
    ...rest,
    ...(pendingEntry === undefined
      ? {}
      : { pendingEntry: pendingEntry === null ? null : new Uint8Array(pendingEntry) }),
    ...(trainer === undefined ? {} : { trainer: trainer ?? Prisma.DbNull }),
    ...(modelFiles === undefined ? {} : { modelFiles: modelFiles ?? Prisma.DbNull }),
    ...(receipt === undefined ? {} : { receipt: receipt === null ? Prisma.DbNull : receipt }),
  };
}

/** Only `jobToRow` and `patchToRow` write these columns, so their shapes are taken as written. */
export function jobFromRow(row: JobRow): Job {
  return {
    ...row,
    id: row.id as Bytes32,
    keyId: row.keyId as Bytes32,
    buyer: row.buyer as Address,
    seller: row.seller as Address,
    operator: row.operator as Address,
    order: orderFromJson(row.order as OrderJson),
    offer: offerFromJson(row.offer as unknown as OfferJson),
    shares: (row.shares as unknown as ShareJson[]).map(shareFromJson),
    licenceId: row.licenceId as Bytes32,
    jobDigest: row.jobDigest as Bytes32,
    declaration: row.declaration as unknown as ModelDeclaration,
    priceWei: BigInt(row.priceWei.toFixed()),
    state: row.state as JobState,
    reason: row.reason as RefusalReason | null,
    waitingFor: row.waitingFor as ErrorCode | null,
    worker: row.worker as Address | null,
    recordTransaction: row.recordTransaction as Hex | null,
    trainer: row.trainer as Job['trainer'],
    modelFiles: row.modelFiles as Job['modelFiles'],
    settleTransaction: row.settleTransaction as Hex | null,
    refundTransaction: row.refundTransaction as Hex | null,
  };
}
