import { Field, GraphQLISODateTime, InputType, Int, ObjectType } from '@nestjs/graphql';
import type { Address, Bytes32 } from '../kernel/index.js';
import { AddressScalar, Bytes32Scalar, connectionType, JsonScalar } from '../platform/graphql/index.js';
import type { IssuedLicence } from './licence.js';

@ObjectType('Licence', { description: "A buyer's accepted terms for one dataset version and one purpose." })
export class LicenceType {
  @Field(() => Bytes32Scalar, { description: 'EIP-712 digest of the licence; orders name it.' })
  id!: Bytes32;

  @Field(() => AddressScalar, { description: 'The account that accepted the terms; the log does not have it.' })
  buyer!: Address;

  @Field(() => AddressScalar, { description: "Under which the dataset's records know its buyer, and no others'." })
  pseudonym!: Address;

  @Field(() => GraphQLISODateTime, { description: 'No order may be submitted under it from then on.' })
  validUntil!: Date;

  @Field(() => Int, { description: 'Index of its licence-issued record in the log.' })
  logIndex!: number;

  @Field(() => GraphQLISODateTime, { description: 'When the marketplace issued it.' })
  issuedAt!: Date;

  /** Not a field: what the `dataset` field is resolved by. */
  keyId!: Bytes32;
}

@ObjectType({ description: 'A page of licences.' })
export class LicenceConnection extends connectionType(LicenceType, 'Licence') {}

@InputType('IssueLicenceInput', { description: "A buyer's acceptance of a dataset's terms." })
export class IssueLicenceInputType {
  @Field(() => JsonScalar, {
    description:
      'The EIP-712 licence; times as decimal strings. Its buyer is an address of yours for this dataset alone.',
  })
  licence!: unknown;

  @Field(() => String, { description: "The pseudonym's EIP-712 signature over it, hex." })
  signature!: string;

  @Field(() => String, {
    description: "The account's EIP-712 signature over Pseudonym(keyId, pseudonym), hex. It is in no record.",
  })
  pseudonymSignature!: string;

  @Field(() => String, { description: 'One of the purposes that the terms list, word for word.' })
  purpose!: string;

  @Field(() => Bytes32Scalar, {
    description: 'What opens purposeCommitment: SHA-256(salt || UTF-8 purpose). Kept where it can be erased.',
  })
  purposeSalt!: Bytes32;
}

@InputType('RevokeConsentInput', { description: "A seller's revocation, and the record of it that goes into the log." })
export class RevokeConsentInputType {
  @Field(() => Bytes32Scalar, { description: 'The dataset whose consent ends.' })
  dataset!: Bytes32;

  @Field(() => Bytes32Scalar, { nullable: true, description: 'Only this licence of it; left out, all of it.' })
  licence?: Bytes32 | null;

  @Field(() => JsonScalar, { description: 'DSSE envelope of the consent-revoked statement, signed by the seller.' })
  envelope!: unknown;
}

@ObjectType('Revocation', {
  description: 'Consent that ended: no further key is released under it. What was trained stays trained.',
})
export class RevocationType {
  @Field(() => Bytes32Scalar, { description: 'The dataset.' })
  keyId!: Bytes32;

  @Field(() => Bytes32Scalar, { nullable: true, description: 'The one licence that ended; null for all of them.' })
  licence!: Bytes32 | null;

  @Field(() => Int, { description: 'Index of the consent-revoked record in the log.' })
  logIndex!: number;

  @Field(() => GraphQLISODateTime, { description: 'The time that the seller signed.' })
  revokedAt!: Date;
}

export function toLicenceType(licence: IssuedLicence): LicenceType {
  const { id, keyId, buyer, pseudonym, validUntil, logIndex, issuedAt } = licence;
  return { id, keyId, buyer, pseudonym, validUntil, logIndex, issuedAt };
}
