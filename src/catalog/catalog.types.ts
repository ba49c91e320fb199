import { Field, GraphQLISODateTime, InputType, Int, ObjectType } from '@nestjs/graphql';
import { formatWei, offerToJson, type Address, type Bytes32 } from '../kernel/index.js';
import { AddressScalar, BigIntScalar, Bytes32Scalar, connectionType, JsonScalar } from '../platform/graphql/index.js';
import type { Dataset } from './dataset.js';

@ObjectType('Dataset', { description: 'One version of a dataset: encrypted at the seller, trained on where it lies.' })
export class DatasetType {
  @Field(() => Bytes32Scalar, { description: 'Key id: keccak256(abi.encode(seller, datasetId, version)).' })
  id!: Bytes32;

  @Field(() => Bytes32Scalar, { description: 'What all versions of the dataset share.' })
  datasetId!: Bytes32;

  @Field(() => Int, { description: 'Counts up from 1; each version has a data key of its own.' })
  version!: number;

  @Field(() => String, { description: 'What the seller calls it.' })
  title!: string;

  @Field(() => String, { description: 'What the seller says about it.' })
  description!: string;

  @Field(() => [String], { description: 'Words to find it by.' })
  tags!: string[];

  @Field(() => AddressScalar, { description: 'Who listed it.' })
  seller!: Address;

  @Field(() => BigIntScalar, { description: 'What one training run costs, in wei of USDFC.' })
  priceWei!: bigint;

  @Field(() => String, { description: 'The price as people write it, in USDFC.' })
  price!: string;

  @Field(() => Int, { description: 'Rows in all pieces.' })
  rowCount!: number;

  @Field(() => String, { nullable: true, description: 'The label column, if it has one.' })
  label!: string | null;

  @Field(() => JsonScalar, {
    description: 'Columns in file order: name, type, and the range or vocabulary that the seller declared public.',
  })
  columns!: unknown;

  @Field(() => JsonScalar, { description: 'The whole manifest: columns, ciphertext pieces, wrapped key.' })
  manifest!: unknown;

  @Field(() => String, {
    description: 'SHA-256 of the manifest as canonical JSON, 64 hex digits; see GET /manifests/.',
  })
  manifestDigest!: string;

  @Field(() => JsonScalar, {
    description: 'The terms of use: title, text, allowed purposes, days that a licence lasts.',
  })
  terms!: unknown;

  @Field(() => Bytes32Scalar, { description: 'SHA-256 of the terms as canonical JSON; see GET /terms/.' })
  termsDigest!: Bytes32;

  @Field(() => JsonScalar, { description: 'The EIP-712 offer that counts now; amounts as decimal strings.' })
  offer!: unknown;

  @Field(() => Bytes32Scalar, { description: 'EIP-712 digest of the offer, as registered on chain.' })
  offerDigest!: Bytes32;

  @Field(() => String, { description: "The seller's signature over the offer, hex." })
  offerSignature!: string;

  @Field(() => [AddressScalar], { description: 'Operators that may train on it.' })
  operators!: readonly Address[];

  @Field(() => Int, { description: 'Index of its newest dataset-listed record in the log.' })
  logIndex!: number;

  @Field(() => GraphQLISODateTime, { description: 'When the seller signed that record.' })
  listedAt!: Date;
}

@ObjectType({
  description: "A place among the records of a dataset: what its seller signs into the dataset's next record.",
})
export class RecordPosition {
  @Field(() => Int, { description: 'Its number, from 1.' })
  sequence!: number;

  @Field(() => String, { nullable: true, description: 'RFC 6962 leaf hash of the record before; null for the first.' })
  previous!: string | null;
}

@ObjectType({ description: 'A page of datasets.' })
export class DatasetConnection extends connectionType(DatasetType, 'Dataset') {}

@InputType('ListDatasetInput', {
  description: 'A listing: manifest, terms and offer, and the record of it that goes into the log.',
})
export class ListDatasetInputType {
  @Field(() => JsonScalar, { description: 'The manifest; its SHA-256 is in the offer.' })
  manifest!: unknown;

  @Field(() => JsonScalar, { description: 'The terms; their SHA-256 is in the offer.' })
  terms!: unknown;

  @Field(() => JsonScalar, { description: 'The EIP-712 offer, amounts and times as decimal strings.' })
  offer!: unknown;

  @Field(() => String, { description: "The seller's EIP-712 signature over the offer, hex." })
  offerSignature!: string;

  @Field(() => JsonScalar, { description: 'DSSE envelope of the dataset-listed statement, signed by the seller.' })
  envelope!: unknown;
}

export function toDatasetType(dataset: Dataset): DatasetType {
  const { keyId, manifest, offer } = dataset;
  return {
    id: keyId,
    datasetId: offer.datasetId,
    version: offer.version,
    title: manifest.title,
    description: manifest.description,
    tags: manifest.tags,
    seller: dataset.seller,
    priceWei: offer.price,
    price: formatWei(offer.price),
    rowCount: manifest.rowCount,
    label: manifest.label ?? null,
    columns: manifest.columns,
    manifest,
    manifestDigest: dataset.manifestDigest,
    terms: dataset.terms,
    termsDigest: offer.termsDigest,
    offer: offerToJson(offer),
    offerDigest: dataset.offerDigest,
    offerSignature: dataset.offerSignature,
    operators: offer.operators,
    logIndex: dataset.logIndex,
    listedAt: dataset.listedAt,
  };
}
