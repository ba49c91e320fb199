import { Field, GraphQLISODateTime, Int, ObjectType } from '@nestjs/graphql';
import type { Address, Bytes32 } from '../../kernel/index.js';
import { AddressScalar, BigIntScalar, Bytes32Scalar, connectionType } from '../../platform/graphql/index.js';
import type { Notice, StoredCopy } from './storage.repository.js';

@ObjectType('StorageCopy', { description: 'A copy of a dataset at a storage provider, as it was seen last.' })
export class StorageCopyType {
  @Field(() => Int, { description: "The provider's number in the storage service's registry." })
  providerId!: number;

  @Field(() => AddressScalar, { description: "The provider's address." })
  provider!: Address;

  @Field(() => String, { description: 'Where it serves the pieces.' })
  serviceUrl!: string;

  @Field(() => Int, { description: 'The data set on chain that this copy is.' })
  dataSetId!: number;

  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it was proven last; null for never yet.' })
  lastProof!: Date | null;

  @Field(() => Int, { description: 'Proving periods that passed without a proof, lately.' })
  faults!: number;

  @Field(() => String, {
    nullable: true,
    description: 'What is wrong with it now: missed-proof, piece-missing, piece-corrupt or unreachable.',
  })
  fault!: string | null;

  @Field(() => GraphQLISODateTime, { nullable: true, description: 'Until when the seller has paid for it.' })
  paidUntil!: Date | null;

  @Field(() => Int, { nullable: true, description: 'The data set that took its place.' })
  replacedBy!: number | null;

  @Field(() => GraphQLISODateTime, {
    nullable: true,
    description: 'Of a copy that was delisted: until when its provider may still be paid; null while it is stored.',
  })
  endsAt!: Date | null;

  @Field(() => BigIntScalar, {
    nullable: true,
    description:
      "Of a copy that was delisted: what of the seller's deposit is held for it, in wei of USDFC, 0 once that was settled; null while it is stored.",
  })
  heldWei!: bigint | null;

  @Field(() => GraphQLISODateTime, { description: 'When this was seen.' })
  checkedAt!: Date;
}

@ObjectType('Notice', { description: 'Something that a seller should know.' })
export class NoticeType {
  @Field(() => String, { description: 'possession-fault, copy-repaired, copy-not-repaired or storage-warning.' })
  kind!: string;

  @Field(() => Bytes32Scalar, { nullable: true, description: 'The dataset that it is about; null for the deposit.' })
  dataset!: Bytes32 | null;

  @Field(() => String, { description: 'What happened, and what to do if anything.' })
  message!: string;

  @Field(() => GraphQLISODateTime, { description: 'When.' })
  at!: Date;
}

@ObjectType({ description: 'A page of notices.' })
export class NoticeConnection extends connectionType(NoticeType, 'Notice') {}

export function toStorageCopyType(copy: StoredCopy): StorageCopyType {
  const { providerId, provider, serviceUrl, dataSetId, fault, paidUntil, replacedBy, endsAt, heldWei, checkedAt } =
    copy;
  const place = { providerId, provider: provider as Address, serviceUrl, dataSetId };
  const proven = { lastProof: copy.lastProvenAt, faults: copy.faultPeriods, fault };
  return { ...place, ...proven, paidUntil, replacedBy, endsAt, heldWei, checkedAt };
}

export function toNoticeType({ kind, keyId, message, at }: Notice): NoticeType {
  return { kind, dataset: keyId as Bytes32 | null, message, at };
}
