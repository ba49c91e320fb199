import { readFileSync } from 'node:fs';
import {
  buildSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  type GraphQLNamedType,
} from 'graphql';
import { describe, expect, it } from 'vitest';

const schema = buildSchema(readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8'));
const types = Object.values(schema.getTypeMap()).filter((type) => !type.name.startsWith('__'));
/** The five that GraphQL itself brings. */
const BUILT_IN = ['String', 'Int', 'Float', 'Boolean', 'ID'];

/** Everything of a type that a reader may look up: the type, its fields, their arguments, its values. */
function partsOf(type: GraphQLNamedType): [string, string | null | undefined][] {
  const parts: [string, string | null | undefined][] = [[type.name, type.description]];
  if (isEnumType(type))
    for (const value of type.getValues()) parts.push([`${type.name}.${value.name}`, value.description]);
  if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) return parts;
  for (const field of Object.values(type.getFields())) {
    parts.push([`${type.name}.${field.name}`, field.description]);
    for (const arg of 'args' in field ? field.args : []) {
      parts.push([`${type.name}.${field.name}(${arg.name})`, arg.description]);
    }
  }
  return parts;
}

describe('schema.graphql', () => {
  it('says of everything in it what it is', () => {
    const parts = types.filter((type) => !BUILT_IN.includes(type.name)).flatMap(partsOf);
    expect(parts.length).toBeGreaterThan(150);
    expect(parts.filter(([, description]) => (description ?? '').trim() === '').map(([name]) => name)).toEqual([]);
  });

  it('has the surface that clients were promised', () => {
    const fields = (type: { getFields(): object } | null | undefined) => Object.keys(type?.getFields() ?? {}).sort();
    expect(fields(schema.getQueryType())).toEqual([
      'accessRecords',
      'blastRadius',
      'checkModel',
      'checkpoint',
      'dataset',
      'datasets',
      'job',
      'jobs',
      'licence',
      'licences',
      'lineage',
      'networkInfo',
      'notices',
      'record',
      'records',
      'storage',
      'viewer',
    ]);
    expect(fields(schema.getMutationType())).toEqual([
      'cancelJob',
      'createNonce',
      'erase',
      'issueLicence',
      'listDataset',
      'permitRepairs',
      'revokeConsent',
      'signIn',
      'signOut',
      'submitJob',
    ]);
    expect(fields(schema.getSubscriptionType())).toEqual(['jobProgress', 'recordAppended']);
    for (const input of ['ListDatasetInput', 'IssueLicenceInput', 'SubmitJobInput']) {
      expect(schema.getType(input)).toBeDefined();
    }
  });
});
