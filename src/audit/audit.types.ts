import { ArgsType, Field, GraphQLISODateTime, Int, ObjectType } from '@nestjs/graphql';
import type { Address, Bytes32 } from '../kernel/index.js';
import { AddressScalar, Bytes32Scalar, connectionType, MAX_PAGE, PageArgs } from '../platform/graphql/index.js';
import type { IndexedRecord } from '../provenance/index.js';

@ObjectType('LogRecord', {
  description: 'One entry of the public log. What is not its entry, statement or proof is from an index of the log.',
})
export class LogRecordType {
  @Field(() => Int, { description: 'Its place in the log.' })
  index!: number;

  @Field(() => String, { description: 'dataset-listed, licence-issued, access-granted, training-completed and so on.' })
  type!: string;

  @Field(() => String, { description: 'RFC 6962 leaf hash, 64 hex digits.' })
  leafHash!: string;

  @Field(() => Bytes32Scalar, { description: 'The dataset that it is about.' })
  keyId!: Bytes32;

  @Field(() => Int, { description: "Its number among the dataset's records, from 1." })
  sequence!: number;

  @Field(() => Bytes32Scalar, { nullable: true, description: 'The order that it is about, if any.' })
  orderId!: Bytes32 | null;

  @Field(() => Bytes32Scalar, {
    nullable: true,
    description: 'The licence that it issues, opens the data under, or ends, if any.',
  })
  licence!: Bytes32 | null;

  @Field(() => String, { nullable: true, description: 'SHA-256 of the weights that it says were trained, if any.' })
  weights!: string | null;

  @Field(() => String, { nullable: true, description: 'SHA-256 of the weights that the run began with, if any.' })
  initialWeights!: string | null;

  @Field(() => AddressScalar, {
    nullable: true,
    description: 'On whose behalf it was made: seller, buyer, operator or worker; null for a settlement.',
  })
  actor!: Address | null;

  @Field(() => GraphQLISODateTime, { description: 'The time that it states.' })
  at!: Date;
}

@ArgsType()
export class RecordPageArgs extends PageArgs {
  @Field(() => Int, { defaultValue: 50, description: `How many at most, from 1 to ${MAX_PAGE}.` })
  declare first: number;
}

@ObjectType({ description: 'A page of log records.' })
export class LogRecordConnection extends connectionType(LogRecordType, 'LogRecord') {}

export function toLogRecordType(record: IndexedRecord): LogRecordType {
  const { orderId = null, licence = null, weights = null, initialWeights = null, actor = null } = record;
  return { ...record, orderId, licence, weights, initialWeights, actor };
}
