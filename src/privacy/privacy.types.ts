import { Field, Float, ObjectType } from '@nestjs/graphql';
import { BigIntScalar } from '../platform/graphql/index.js';

@ObjectType('ShardPrivacy', { description: 'What private runs have taken of one shard, over all buyers and versions.' })
export class ShardPrivacyType {
  @Field(() => String, { description: 'The shard, as the manifest names it.' })
  shardId!: string;

  @Field(() => [BigIntScalar], {
    description: 'Rényi loss for good, in billionths, at the orders 2 to 63, 128, 256, 512 and 1024.',
  })
  spent!: readonly bigint[];

  @Field(() => [BigIntScalar], { description: 'The same, of jobs whose key is not released yet.' })
  reserved!: readonly bigint[];
}

@ObjectType('PrivacyBalance', {
  description:
    'The privacy budget of a dataset version, as the marketplace keeps it. "weighbridge privacy audit" computes it from the log.',
})
export class PrivacyBalanceType {
  @Field(() => Float, { nullable: true, description: "Each shard's whole epsilon; null where the terms sell none." })
  budgetEpsilon!: number | null;

  @Field(() => Float, { nullable: true, description: 'The delta that it is counted at.' })
  delta!: number | null;

  @Field(() => Float, { nullable: true, description: 'Epsilon taken of the shard that has least left.' })
  takenEpsilon!: number | null;

  @Field(() => [ShardPrivacyType], { description: 'Shard by shard, in manifest order.' })
  shards!: ShardPrivacyType[];
}
