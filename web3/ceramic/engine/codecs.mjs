import * as dagCbor from '@ipld/dag-cbor';
import * as dagJson from '@ipld/dag-json';
import * as dagPb from '@ipld/dag-pb';
import * as dagJose from 'dag-jose';
import * as json from 'multiformats/codecs/json';
import * as raw from 'multiformats/codecs/raw';

/** The IPLD codecs that js-ceramic's blocks use. */
export const CODECS = [dagCbor, dagJson, dagPb, raw, json, dagJose];

const byKey = new Map(
  CODECS.flatMap((codec) => [
    [codec.code, codec],
    [codec.name, codec],
  ]),
);

/** A codec by its multicodec number or name. @throws Error for one that is not in the list. */
export function codecOf(key) {
  const codec = byKey.get(key);
  if (codec === undefined) throw new Error(`unknown IPLD codec ${key}`);
  return codec;
}
