import { ArgsType, Field, Int, ObjectType } from '@nestjs/graphql';
import type { Type } from '@nestjs/common';
import { WeighbridgeError } from '../../kernel/index.js';

export const MAX_PAGE = 100;

/** One page of a list, in the form that the repositories give. */
export interface Page<T> {
  rows: { cursor: string; node: T }[];
  hasNextPage: boolean;
  totalCount: number;
}

export interface PageRequest {
  first: number;
  /** Key of the last row that the caller has; rows after it follow. */
  after: bigint | undefined;
}

@ArgsType()
export class PageArgs {
  @Field(() => Int, { defaultValue: 20, description: `How many at most, from 1 to ${MAX_PAGE}.` })
  first!: number;

  @Field(() => String, { nullable: true, description: 'The `endCursor` of the page before.' })
  after?: string | null;
}

/** @throws WeighbridgeError BAD_INPUT for a page size out of bounds or a cursor that is none of ours */
export function pageRequest({ first, after }: PageArgs): PageRequest {
  if (first < 1 || first > MAX_PAGE) {
    throw new WeighbridgeError('BAD_INPUT', `first: ${first} is not within 1 and ${MAX_PAGE}`, {
      next: `Ask for at most ${MAX_PAGE} at a time and go on with endCursor.`,
    });
  }
  return { first, after: after === undefined || after === null ? undefined : readCursor(after) };
}

/** A cursor holds the row's place in a strict order that never changes, so rows that come in meanwhile shift nothing. */
export function cursorOf(place: bigint | number): string {
  return Buffer.from(`v1:${place}`).toString('base64url');
}

function readCursor(cursor: string): bigint {
  const match = /^v1:(\d{1,18})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  if (match?.[1] === undefined) {
    throw new WeighbridgeError('BAD_INPUT', 'after: not a cursor of this list', {
      next: 'Pass the endCursor of the page before, unchanged.',
    });
  }
  return BigInt(match[1]);
}

@ObjectType({ description: 'Where a page stands in its list.' })
export class PageInfo {
  @Field(() => Boolean, { description: 'Whether more rows follow `endCursor`.' })
  hasNextPage!: boolean;

  @Field(() => String, { nullable: true, description: 'Cursor of the last row; null on an empty page.' })
  endCursor!: string | null;
}

export interface PageOf<T> {
  edges: { cursor: string; node: T }[];
  nodes: T[];
  pageInfo: PageInfo;
}

export interface ConnectionOf<T> extends PageOf<T> {
  totalCount: number;
}

/** As `connectionType`, for lists that may be so long that nobody counts them. */
export function pageType<T extends object>(node: Type<T>, name: string): Type<PageOf<T>> {
  @ObjectType(`${name}Edge`, { description: `A ${name} in its place of a list.` })
  class Edge {
    @Field(() => String, { description: 'Pass it as `after` to go on from here.' })
    cursor!: string;

    @Field(() => node, { description: `The ${name}.` })
    node!: T;
  }

  @ObjectType({ isAbstract: true })
  class ListPage {
    @Field(() => [Edge], { description: 'The rows with their cursors.' })
    edges!: Edge[];

    @Field(() => [node], { description: 'The rows alone.' })
    nodes!: T[];

    @Field(() => PageInfo, { description: 'Where this page stands.' })
    pageInfo!: PageInfo;
  }
  return ListPage;
}

/** Base of the Relay connection type of a node type; its subclass is the `ObjectType`, and carries the description. */
export function connectionType<T extends object>(node: Type<T>, name: string): Type<ConnectionOf<T>> {
  @ObjectType({ isAbstract: true })
  class Connection extends (pageType(node, name) as Type<PageOf<object>>) {
    @Field(() => Int, { description: 'How many rows the whole list has.' })
    totalCount!: number;
  }
  return Connection as Type<ConnectionOf<T>>;
}

export function toConnection<T>({ rows, hasNextPage, totalCount }: Page<T>): ConnectionOf<T> {
  return {
    edges: rows,
    nodes: rows.map((row) => row.node),
    pageInfo: { hasNextPage, endCursor: rows.at(-1)?.cursor ?? null },
    totalCount,
  };
}

/** Cuts the one row that was fetched beyond the page, which tells whether there is a next one. */
export function toPage<R, T>(
  fetched: R[],
  { first }: PageRequest,
  totalCount: number,
  place: (row: R) => bigint | number,
  node: (row: R) => T,
): Page<T> {
  const rows = fetched.slice(0, first).map((row) => ({ cursor: cursorOf(place(row)), node: node(row) }));
  return { rows, hasNextPage: fetched.length > first, totalCount };
}
