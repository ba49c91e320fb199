import { Injectable } from '@nestjs/common';
import { WeighbridgeError, type Bytes32 } from '../kernel/index.js';
import { enqueue, PrismaService, type OutboxMessage, type Transaction } from '../platform/index.js';
import { commitPrivacy, releasePrivacy, reservePrivacy, type Reservation } from '../privacy/index.js';
import { fixRecord, lockDataset, type Position } from '../provenance/index.js';
import { jobFromRow, patchToRow, jobToRow } from './job-row.js';
import { assertTransition, mayHoldKey, REFUSABLE_STATES, UNFINISHED_STATES, type JobState } from './job-state.js';
import type { Job, JobPatch, NewJob } from './job.js';

/** Submits for the same shards stand in line for their budget: a crowd takes longer than one transaction does. */
const IN_LINE = { maxWait: 60_000, timeout: 60_000 };

/**
 * Jobs in PostgreSQL. Every change names the state that it starts from, in the WHERE clause: of two workers that run the
 * same job, one wins and the other gets JOB_STATE.
 */
@Injectable()
export class JobRepository {
  constructor(private readonly prisma: PrismaService) {}

  /** @throws WeighbridgeError JOB_NOT_FOUND */
  async get(orderId: Bytes32): Promise<Job> {
    const job = await this.find(orderId);
    if (job === undefined) throw jobNotFound(orderId);
    return job;
  }

  async find(orderId: Bytes32): Promise<Job | undefined> {
    const row = await this.prisma.job.findUnique({ where: { id: orderId } });
    return row === null ? undefined : jobFromRow(row);
  }

  /**
   * Inserts the job with its messages, and takes what it may lose off its shards' privacy budgets, in one transaction. A second
   * call with the same order id changes nothing, takes nothing, sends nothing, and answers with the job that is there.
   * @throws WeighbridgeError BUDGET_EXHAUSTED
   */
  async create(
    job: NewJob,
    outbox: readonly OutboxMessage[],
    reservation?: Omit<Reservation, 'orderId'>,
  ): Promise<{ job: Job; created: boolean }> {
    const created = await this.prisma.$transaction(async (tx) => {
      const { count } = await tx.job.createMany({ data: [jobToRow(job)], skipDuplicates: true });
      if (count === 0) return false;
      if (reservation !== undefined) await reservePrivacy(tx, { ...reservation, orderId: job.id });
      await enqueue(tx, outbox);
      return true;
    }, IN_LINE);
    return { job: await this.get(job.id), created };
  }

  /**
   * Moves a job on, with the facts of the new state and the messages that the move causes, in one transaction.
   * @returns the row as it now is
   * @throws WeighbridgeError JOB_STATE when the table has no such move, or the job is not in `from` (any more)
   */
  async transition(
    orderId: Bytes32,
    from: JobState,
    to: JobState,
    patch: JobPatch = {},
    outbox: readonly OutboxMessage[] = [],
  ): Promise<Job> {
    assertTransition(from, to);
    return this.prisma.$transaction(async (tx) => {
      const data = { waitingFor: null, ...patchToRow(patch), state: to };
      const [row] = await tx.job.updateManyAndReturn({ where: { id: orderId, state: from }, data });
      if (row === undefined) throw notInState(orderId, from);
      await accountForPrivacy(tx, orderId, from, to);
      await enqueue(tx, outbox);
      return jobFromRow(row);
    });
  }

  /**
   * Fixes the job's next log record in the row, with its place among the dataset's records, and moves the job on if `to` is
   * another state; all in one transaction. A job that stays in its state has one record fixed at a time: where there is one,
   * that one counts.
   * @param seal makes the entry for its position
   * @throws WeighbridgeError JOB_STATE when the table has no such move, or the job is not in `from` (any more)
   */
  async fixRecord(
    { id, keyId }: Pick<Job, 'id' | 'keyId'>,
    from: JobState,
    to: JobState,
    patch: JobPatch,
    seal: (position: Position) => Promise<Uint8Array>,
  ): Promise<Job> {
    if (from !== to) assertTransition(from, to);
    return this.prisma.$transaction(async (tx) => {
      if (from === to) {
        // A queue that took a job's holder for dead gives it to another: then two are here, and one record is to come of it.
        await lockDataset(tx, keyId);
        const there = await tx.job.findFirst({ where: { id, state: from, pendingEntry: { not: null } } });
        if (there !== null) return jobFromRow(there);
      }
      const pendingEntry = await fixRecord(tx, keyId, seal);
      const data = { waitingFor: null, ...patchToRow({ ...patch, pendingEntry }), state: to };
      const [row] = await tx.job.updateManyAndReturn({ where: { id, state: from }, data });
      if (row === undefined) throw notInState(id, from);
      await accountForPrivacy(tx, id, from, to);
      return jobFromRow(row);
    });
  }

  /**
   * Records facts without leaving the state.
   * @throws WeighbridgeError JOB_STATE when the job is not in `state` (any more)
   */
  async patch(orderId: Bytes32, state: JobState, patch: JobPatch): Promise<Job> {
    const where = { id: orderId, state };
    const [row] = await this.prisma.job.updateManyAndReturn({ where, data: patchToRow(patch) });
    if (row === undefined) throw notInState(orderId, state);
    return jobFromRow(row);
  }

  /**
   * Notes that the buyer wants the job to end; whoever runs it sees that before its next step. A second call changes nothing.
   * @throws WeighbridgeError JOB_STATE when it is too late
   */
  async cancel(orderId: Bytes32): Promise<Job> {
    const where = { id: orderId, state: { in: [...REFUSABLE_STATES] }, cancelledAt: null };
    await this.prisma.job.updateMany({ where, data: { cancelledAt: new Date() } });
    const job = await this.get(orderId);
    if (job.cancelledAt === null) throw tooLate(job);
    return job;
  }

  /** Jobs that are not final, oldest first: what a restarted worker must see in its queue. */
  async listUnfinished(): Promise<Job[]> {
    const where = { state: { in: [...UNFINISHED_STATES] } };
    const rows = await this.prisma.job.findMany({ where, orderBy: { seq: 'asc' } });
    return rows.map(jobFromRow);
  }
}

/** From `training` on the chain allows the key: what the job may lose is lost. Whatever ends before gives it back. */
async function accountForPrivacy(tx: Transaction, orderId: Bytes32, from: JobState, to: JobState): Promise<void> {
  if (to === 'training') await commitPrivacy(tx, orderId);
  if (to === 'refusing' && !mayHoldKey(from)) await releasePrivacy(tx, orderId);
}

export function jobNotFound(id: string): WeighbridgeError {
  return new WeighbridgeError('JOB_NOT_FOUND', `no job ${id} that you are a party of`, {
    next: 'Check the id, and sign in as its buyer, seller or operator.',
    details: { id },
  });
}

function tooLate({ id, state }: Job): WeighbridgeError {
  return new WeighbridgeError('JOB_STATE', `job ${id} is ${state}: it can no longer be cancelled`, {
    next: 'Its weights are trained, or its money is on the way back: wait for the end.',
    details: { id, state },
  });
}

function notInState(orderId: Bytes32, state: JobState): WeighbridgeError {
  return new WeighbridgeError('JOB_STATE', `job ${orderId} is not ${state}`, {
    next: 'Read the job again and go on from its present state.',
    details: { orderId, expected: state },
  });
}
