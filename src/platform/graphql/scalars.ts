import { GraphQLError, GraphQLScalarType, Kind, valueFromASTUntyped, type ValueNode } from 'graphql';
import { getAddress, isAddress } from 'viem';
import type { Address, Bytes32 } from '../../kernel/index.js';

const BYTES32 = /^0x[0-9a-fA-F]{64}$/;

/** 32 bytes; lower case whichever way they were sent, so that ids compare as strings. */
export const Bytes32Scalar = stringScalar(
  'Bytes32',
  '32 bytes as 0x and 64 hex digits.',
  (text): Bytes32 | undefined => (BYTES32.test(text) ? (text.toLowerCase() as Bytes32) : undefined),
);

/** Kept in lower case, shown with its checksum. */
export const AddressScalar = new GraphQLScalarType<Address, string>({
  ...stringScalar(
    'Address',
    'An EVM address. Answers carry the EIP-55 checksum; input may leave it out.',
    (text): Address | undefined => (isAddress(text) ? (text.toLowerCase() as Address) : undefined),
  ).toConfig(),
  serialize: (value) => getAddress(String(value)),
});

export const BigIntScalar = new GraphQLScalarType<bigint, string>({
  name: 'BigInt',
  description: 'A whole number of any size as a decimal string. Money is in wei, the 10^-18 part of a USDFC.',
  serialize: String,
  parseValue: (value) => toBigInt(value),
  parseLiteral: (node) => toBigInt(node.kind === Kind.STRING || node.kind === Kind.INT ? node.value : undefined),
});

export const JsonScalar = new GraphQLScalarType<unknown, unknown>({
  name: 'JSON',
  description: 'Any JSON value. Fields of this type say which shape they have.',
  serialize: (value) => value,
  parseValue: (value) => value,
  parseLiteral: (node, variables) => valueFromASTUntyped(node, variables),
});

function toBigInt(value: unknown): bigint {
  if ((typeof value === 'string' || typeof value === 'number') && /^-?\d{1,78}$/.test(String(value))) {
    return BigInt(value);
  }
  throw new GraphQLError('BigInt: a decimal string is wanted');
}

function stringScalar<T extends string>(
  name: string,
  description: string,
  parse: (text: string) => T | undefined,
): GraphQLScalarType<T, string> {
  const read = (value: unknown): T => {
    const parsed = typeof value === 'string' ? parse(value) : undefined;
    if (parsed === undefined) throw new GraphQLError(`${name}: ${description}`);
    return parsed;
  };
  return new GraphQLScalarType<T, string>({
    name,
    description,
    serialize: String,
    parseValue: read,
    parseLiteral: (node: ValueNode) => read(node.kind === Kind.STRING ? node.value : undefined),
  });
}
