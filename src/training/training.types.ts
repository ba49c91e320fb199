import { Field, GraphQLISODateTime, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import type { Address, Bytes32 } from '../kernel/index.js';
import { isAllowed, type Viewer } from '../identity/index.js';
import { AddressScalar, BigIntScalar, Bytes32Scalar, connectionType, JsonScalar } from '../platform/graphql/index.js';
import { JOB_STATES, type JobState } from './job-state.js';
import type { Job } from './job.js';
import type { Progress } from './progress/progress.js';

const STATE_DESCRIPTIONS: Record<JobState, string> = {
  submitted: 'Escrow seen, licence and model checked, queued.',
  granting: 'The access record is being appended to the log.',
  recording: 'The access record is logged; its proof is on its way to the chain.',
  training: 'The chain allows the key; the sandbox trains.',
  completing: 'The weights are weighed and encrypted; their record is being appended.',
  settling: 'The completion is logged; the payment is being divided.',
  settled: 'Paid. Weights and receipt are there.',
  refusing: 'Something made the run impossible; the reason is being logged.',
  refunding: 'The refusal is logged; the payment is on its way back.',
  refunded: 'The buyer has its money back.',
};
const JobStateEnum = Object.fromEntries(JOB_STATES.map((state) => [state, state])) as Record<JobState, JobState>;
registerEnumType(JobStateEnum, {
  name: 'JobState',
  description: 'The states of a job.',
  valuesMap: Object.fromEntries(JOB_STATES.map((state) => [state, { description: STATE_DESCRIPTIONS[state] }])),
});

@ObjectType('JobProgress', { description: 'Where a job stands.' })
export class JobProgressType {
  @Field(() => Bytes32Scalar, { description: 'The job.' })
  id!: Bytes32;

  @Field(() => JobStateEnum, { description: 'Its state.' })
  state!: JobState;

  @Field(() => Int, { description: 'Optimiser steps that are done.' })
  step!: number;

  @Field(() => Int, { description: 'Optimiser steps in all; 0 before training begins.' })
  of!: number;

  @Field(() => String, { nullable: true, description: 'Why it was refused, from a closed list.' })
  reason!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'The error code of what it waits for, such as WITNESSES_MISSING; null while it moves.',
  })
  waitingFor!: string | null;

  @Field(() => Int, {
    nullable: true,
    description: 'Seconds that training takes yet, at its pace so far; null where nothing is known of it.',
  })
  secondsLeft!: number | null;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'Bytes of encrypted rows that the worker has fetched; null when it fetches none, as once steps begin.',
  })
  fetchedBytes!: bigint | null;

  @Field(() => BigIntScalar, {
    nullable: true,
    description: 'Bytes of encrypted rows that it fetches in all; null with fetchedBytes.',
  })
  toFetchBytes!: bigint | null;
}

@ObjectType('CheckedModel', { description: 'What an order for a model says of it.' })
export class CheckedModelType {
  @Field(() => Bytes32Scalar, {
    description: 'SHA-256 of the declaration as canonical JSON: `jobDigest` of the order.',
  })
  jobDigest!: Bytes32;

  @Field(() => BigIntScalar, {
    description: 'Its privacy loss in millionths, rounded up; 0 without privacy: `epsilonMicros` of the order.',
  })
  epsilonMicros!: bigint;

  @Field(() => BigIntScalar, { description: 'What `Marketplace.open` takes for it, in wei of USDFC.' })
  priceWei!: bigint;
}

@ObjectType('Job', { description: 'One paid training run. Only its buyer, seller and operator see it.' })
export class JobType {
  @Field(() => Bytes32Scalar, { description: 'The order id: EIP-712 digest of the order, and its name on chain.' })
  id!: Bytes32;

  @Field(() => AddressScalar, { description: 'Who paid, and gets the weights.' })
  buyer!: Address;

  @Field(() => AddressScalar, { description: 'Whose workers train.' })
  operator!: Address;

  @Field(() => AddressScalar, { nullable: true, description: 'The address that serves this job alone.' })
  worker!: Address | null;

  @Field(() => JobStateEnum, { description: 'Its state.' })
  state!: JobState;

  @Field(() => String, { nullable: true, description: 'Why it was refused, from a closed list.' })
  reason!: string | null;

  @Field(() => JobProgressType, { description: 'Where it stands now; subscribe to jobProgress to follow it.' })
  progress!: JobProgressType;

  @Field(() => GraphQLISODateTime, { description: 'When the payment may be taken back without a reason.' })
  deadline!: Date;

  @Field(() => BigIntScalar, { description: 'What is locked for it, in wei of USDFC.' })
  priceWei!: bigint;

  @Field(() => Bytes32Scalar, { description: 'SHA-256 of the model declaration.' })
  jobDigest!: Bytes32;

  @Field(() => Int, { nullable: true, description: 'Index of its access-granted record in the log.' })
  accessIndex!: number | null;

  @Field(() => Int, { nullable: true, description: 'Index of its training-completed record in the log.' })
  completionIndex!: number | null;

  @Field(() => String, { nullable: true, description: 'SHA-256 of the weights, 64 hex digits.' })
  weightsDigest!: string | null;

  @Field(() => String, { nullable: true, description: 'SHA-256 of the age file that holds the weights.' })
  ciphertextDigest!: string | null;

  @Field(() => String, { nullable: true, description: 'Where the buyer gets that file; null to the others.' })
  ciphertextUrl!: string | null;

  @Field(() => Bytes32Scalar, { nullable: true, description: 'The transaction that paid everybody.' })
  settleTransaction!: Bytes32 | null;

  @Field(() => Bytes32Scalar, { nullable: true, description: 'The transaction that gave the money back.' })
  refundTransaction!: Bytes32 | null;

  @Field(() => JsonScalar, { nullable: true, description: 'The receipt, once settled: check it offline.' })
  receipt!: unknown;

  @Field(() => JsonScalar, {
    nullable: true,
    description:
      'Card, bill of materials and signature of the model, text by file name; training-completed holds their digest.',
  })
  modelFiles!: unknown;

  @Field(() => GraphQLISODateTime, { description: 'When it was submitted.' })
  createdAt!: Date;

  @Field(() => GraphQLISODateTime, { description: 'When it last changed.' })
  updatedAt!: Date;

  /** Not a field: what the `dataset` field is resolved by. */
  keyId!: Bytes32;
}

@ObjectType({ description: 'A page of jobs.' })
export class JobConnection extends connectionType(JobType, 'Job') {}

@InputType('SubmitJobInput', {
  description: 'A paid order and the model to train. Graph and weights were PUT as blobs before.',
})
export class SubmitJobInputType {
  @Field(() => JsonScalar, { description: 'The order as opened on chain; times as decimal strings.' })
  order!: unknown;

  @Field(() => JsonScalar, { description: 'The model declaration (job.json) whose SHA-256 the order names.' })
  declaration!: unknown;

  @Field(() => String, { description: 'age recipient (age1...) that the weights are encrypted to.' })
  recipient!: string;
}

export function toJobType(job: Job, progress: Progress, viewer: Viewer | undefined, apiUrl: string): JobType {
  const { ciphertextDigest } = job;
  const mayRead = ciphertextDigest !== null && isAllowed(viewer, 'weights.read', job);
  return {
    ...job,
    progress: toProgressType(job.id, progress),
    ciphertextUrl: mayRead ? new URL(`/blobs/sha256/${ciphertextDigest}`, apiUrl).href : null,
  };
}

export function toProgressType(id: Bytes32, progress: Progress): JobProgressType {
  const { fetchedBytes, toFetchBytes } = progress;
  return { id, ...progress, fetchedBytes: whole(fetchedBytes), toFetchBytes: whole(toFetchBytes) };
}

function whole(bytes: number | null): bigint | null {
  return bytes === null ? null : BigInt(bytes);
}
