import { Injectable } from '@nestjs/common';
import type { Address, Bytes32 } from '../kernel/index.js';
import { PrismaService } from '../platform/index.js';
import { toPage, type Page, type PageRequest } from '../platform/graphql/index.js';
import { jobFromRow } from './job-row.js';
import { JOB_STATES, type JobState } from './job-state.js';
import type { Job } from './job.js';

/** Who has to do with a job. */
export interface JobParties {
  buyer: Address;
  seller: Address;
  operator: Address;
}

/** Reads of jobs for the API. Whoever asks must be checked against the parties. */
@Injectable()
export class JobQueries {
  constructor(private readonly prisma: PrismaService) {}

  /** Up to two jobs of the address between two ids: enough to know whether a prefix is unique among them. */
  async findBetween(low: Bytes32, high: Bytes32, party: Address): Promise<Job[]> {
    const where = { id: { gte: low, lte: high }, ...partyIs(party) };
    return (await this.prisma.job.findMany({ where, take: 2 })).map(jobFromRow);
  }

  /** Jobs that the address is a party of, newest first. */
  async listOf(party: Address, page: PageRequest): Promise<Page<Job>> {
    const where = partyIs(party);
    const [rows, totalCount] = await Promise.all([
      this.prisma.job.findMany({
        where: { ...where, ...(page.after === undefined ? {} : { seq: { lt: page.after } }) },
        orderBy: { seq: 'desc' },
        take: page.first + 1,
      }),
      this.prisma.job.count({ where }),
    ]);
    return toPage(rows, page, totalCount, (row) => row.seq, jobFromRow);
  }

  /** Parties of the jobs whose model this blob is part of: graph, first weights, or a tokenizer. */
  async partiesOfModel(digest: string): Promise<JobParties[]> {
    const rows = await this.prisma.$queryRaw<JobParties[]>`
      SELECT DISTINCT buyer, seller, operator FROM jobs
      WHERE declaration ->> 'graph' = ${digest} OR declaration ->> 'weights' = ${digest}
        OR jsonb_path_exists(declaration, '$.features.*[*].tokenizer ? (@ == $digest)', jsonb_build_object('digest', ${digest}::text))`;
    return rows;
  }

  /** Buyers of the jobs whose encrypted weights this blob is. */
  async buyersOfCiphertext(digest: string): Promise<Address[]> {
    const where = { ciphertextDigest: digest };
    const rows = await this.prisma.job.findMany({ where, select: { buyer: true }, distinct: ['buyer'] });
    return rows.map((row) => row.buyer as Address);
  }

  /** How many jobs are in each state. */
  async countByState(): Promise<Record<JobState, number>> {
    const groups = await this.prisma.job.groupBy({ by: ['state'], _count: true });
    const counted = new Map(groups.map((group) => [group.state, group._count]));
    return Object.fromEntries(JOB_STATES.map((state) => [state, counted.get(state) ?? 0])) as Record<JobState, number>;
  }
}

function partyIs(address: Address): { OR: { buyer?: string; seller?: string; operator?: string }[] } {
  return { OR: [{ buyer: address }, { seller: address }, { operator: address }] };
}
