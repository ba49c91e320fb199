import { Field, GraphQLISODateTime, ObjectType, registerEnumType } from '@nestjs/graphql';
import type { Address } from '../kernel/index.js';
import { AddressScalar } from '../platform/graphql/index.js';

export enum Role {
  BUYER = 'BUYER',
  SELLER = 'SELLER',
  OPERATOR = 'OPERATOR',
}
registerEnumType(Role, {
  name: 'Role',
  description: 'What an address may be here.',
  valuesMap: {
    BUYER: { description: 'May accept terms, submit jobs and read their weights. Every address.' },
    SELLER: { description: 'May list datasets that it registered on chain. Every address.' },
    OPERATOR: { description: "Runs this deployment's workers." },
  },
});

@ObjectType('Viewer', { description: 'Who is signed in.' })
export class ViewerType {
  @Field(() => AddressScalar, { description: 'The address that signed in.' })
  address!: Address;

  @Field(() => [Role], { description: 'What it may be here.' })
  roles!: Role[];
}

@ObjectType('Session', { description: 'A session, shown once.' })
export class SessionType {
  @Field(() => String, {
    description: 'Send it as "Authorization: Bearer <token>". It is not stored and not shown again.',
  })
  token!: string;

  @Field(() => AddressScalar, { description: 'The address that signed in.' })
  address!: Address;

  @Field(() => GraphQLISODateTime, { description: 'When it ends.' })
  expiresAt!: Date;
}
