import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

/** The messages of some `.proto` files, by their full names. */
export function readProtos(files: string[]): protobuf.Root {
  const root = new protobuf.Root();
  for (const file of files) protobuf.parse(readFileSync(file, 'utf8'), root);
  return root;
}

/**
 * What keeps a JSON value from being such a message, by proto3's JSON mapping as far as in-toto's messages use it: members that are no
 * field, and values of another type. Empty if nothing does.
 */
export function misfits(root: protobuf.Root, message: string, value: unknown, at = message): string[] {
  if (!isObject(value)) return [`${at}: no object`];
  const type = root.lookupType(message);
  const fields = new Map(type.fieldsArray.map((field) => [jsonName(field), field]));
  return Object.entries(value).flatMap(([name, member]) => {
    const field = fields.get(name);
    if (field === undefined) return [`${at}.${name}: no such field`];
    return misfitsOfField(root, field, member, `${at}.${name}`);
  });
}

function misfitsOfField(root: protobuf.Root, field: protobuf.Field, value: unknown, at: string): string[] {
  if (field instanceof protobuf.MapField) {
    if (!isObject(value)) return [`${at}: no object`];
    return Object.entries(value).flatMap(([key, member]) => misfitsOfValue(root, field, member, `${at}.${key}`));
  }
  if (!field.repeated) return misfitsOfValue(root, field, value, at);
  if (!Array.isArray(value)) return [`${at}: no list`];
  return value.flatMap((member, i) => misfitsOfValue(root, field, member, `${at}[${i}]`));
}

function misfitsOfValue(root: protobuf.Root, { type, parent }: protobuf.Field, value: unknown, at: string): string[] {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? [] : [`${at}: no text`];
    case 'bytes':
      return typeof value === 'string' && /^[A-Za-z0-9+/_-]*=*$/.test(value) ? [] : [`${at}: no base64`];
    case 'google.protobuf.Struct':
      return isObject(value) ? [] : [`${at}: no object`];
    case 'google.protobuf.Timestamp':
      return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(value)
        ? []
        : [`${at}: no RFC 3339 time`];
    default: {
      const message = parent?.lookupType(type).fullName.slice(1);
      return message === undefined ? [`${at}: unknown type ${type}`] : misfits(root, message, value, at);
    }
  }
}

/** A field's name in JSON: what the file says (`json_name`), or the name in lower camel case, as the parser gives it. */
function jsonName({ name, options }: protobuf.Field): string {
  return String(options?.['json_name'] ?? name);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
