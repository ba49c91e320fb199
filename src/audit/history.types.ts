import { ArgsType, Field, InputType, Int, ObjectType } from '@nestjs/graphql';
import type { Address, Bytes32 } from '../kernel/index.js';
import { AddressScalar, Bytes32Scalar, PageArgs, pageType } from '../platform/graphql/index.js';
import type { IndexedRecord } from '../provenance/index.js';
import { LogRecordType, toLogRecordType } from './audit.types.js';

@ObjectType({ description: "A page of a dataset's log records, in the order of the log." })
export class LogRecordPage extends pageType(LogRecordType, 'LogRecordPage') {}

@InputType('RecordFilter', { description: 'Which records of a dataset; what is left out does not count.' })
export class RecordFilterType {
  @Field(() => String, {
    defaultValue: 'access-granted',
    description:
      'Records of this type: dataset-listed, licence-issued, access-granted and so on; `any` for all of them.',
  })
  type!: string;

  @Field(() => AddressScalar, { nullable: true, description: 'Made on behalf of this address.' })
  actor?: Address | null;

  @Field(() => Bytes32Scalar, { nullable: true, description: 'About this licence.' })
  licence?: Bytes32 | null;

  @Field(() => Bytes32Scalar, { nullable: true, description: 'About this job.' })
  job?: Bytes32 | null;
}

@ObjectType('Checkpoint', { description: "The log's newest signed checkpoint, as it serves it." })
export class CheckpointType {
  @Field(() => Int, { description: 'How many entries it covers.' })
  size!: number;

  @Field(() => String, { description: 'RFC 6962 root hash, 64 hex digits.' })
  root!: string;

  @Field(() => String, { description: 'The C2SP signed note, with the signatures of log and witnesses.' })
  note!: string;
}

@ObjectType('TrainedModel', { description: 'A model that a training run made: one training-completed record.' })
export class TrainedModelType {
  @Field(() => String, { description: 'SHA-256 of its weights, 64 hex digits.' })
  weights!: string;

  @Field(() => String, {
    description: 'SHA-256 of the weights that the run began with. Another run may have made those.',
  })
  initialWeights!: string;

  @Field(() => Bytes32Scalar, { description: 'The dataset that it was trained on.' })
  keyId!: Bytes32;

  @Field(() => Bytes32Scalar, { description: 'The job that trained it.' })
  job!: Bytes32;

  @Field(() => LogRecordType, { description: 'Its training-completed record.' })
  completion!: LogRecordType;
}

@ObjectType({ description: 'A page of models.' })
export class TrainedModelPage extends pageType(TrainedModelType, 'TrainedModel') {}

@ArgsType()
export class LineageArgs extends PageArgs {
  @Field(() => String, { nullable: true, description: 'SHA-256 of a model’s weights, 64 hex digits.' })
  weights?: string | null;

  @Field(() => Bytes32Scalar, { nullable: true, description: 'A dataset.' })
  dataset?: Bytes32 | null;

  @Field(() => Boolean, {
    defaultValue: false,
    description: 'With weights: what came of them, in place of what is behind them.',
  })
  forward!: boolean;
}

@ObjectType('BlastRadius', { description: 'Everything that consent to a dataset version touched, by the log.' })
export class BlastRadiusType {
  @Field(() => Bytes32Scalar, { description: 'The dataset.' })
  keyId!: Bytes32;

  @Field(() => String, { description: 'What revoking does, and what it cannot do, in plain words.' })
  limits!: string;
}

export const LIMITS =
  'Revoking stops further keys and jobs in flight. It does not unlearn: models that were trained, and models that were trained ' +
  'from those, hold what they learnt, and nothing here takes that out of them.';

/** @throws Error for a record that is no completion: a bug in the caller's query */
export function toTrainedModel(record: IndexedRecord): TrainedModelType {
  const { weights, initialWeights, orderId, keyId } = record;
  if (weights === undefined || initialWeights === undefined || orderId === undefined) {
    throw new Error(`record ${record.index} is no completion`);
  }
  return { weights, initialWeights, keyId, job: orderId, completion: toLogRecordType(record) };
}
