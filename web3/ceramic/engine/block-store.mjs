import { ClassicLevel } from 'classic-level';
import { CID } from 'multiformats/cid';
import { sha256 } from 'multiformats/hashes/sha2';
import { codecOf } from './codecs.mjs';
import { RecentBlocks } from './recent-blocks.mjs';

const META_PREFIX = new TextEncoder().encode('meta/');

/**
 * Content-addressed blocks in LevelDB, keyed by multihash, and a few named values beside them ("meta").
 * A write is in the operating system's hands when its promise resolves: it survives the death of this process. It is
 * not fsynced, because js-ceramic's own state store is not either: after a power cut the relay publishes again.
 */
export class BlockStore {
  #db;
  #recent = new RecentBlocks();

  constructor(db) {
    this.#db = db;
  }

  static async open(dir) {
    const db = new ClassicLevel(dir, { keyEncoding: 'view', valueEncoding: 'view' });
    await db.open();
    return new BlockStore(db);
  }

  /** @throws Error with code ERR_NOT_FOUND: this node has no peer to ask. */
  async get(cid) {
    try {
      const block = this.#recent.get(cid.multihash) ?? (await this.#db.get(cid.multihash.bytes));
      this.#recent.add(cid.multihash, block);
      return block;
    } catch (error) {
      if (error.code !== 'LEVEL_NOT_FOUND') throw error;
      throw Object.assign(new Error(`block ${cid} is not on this node`), { code: 'ERR_NOT_FOUND' });
    }
  }

  /** Stores encoded bytes under the CID that they hash to. */
  async putBytes(bytes, codec) {
    const cid = CID.createV1(codec.code, await sha256.digest(bytes));
    await this.#db.put(cid.multihash.bytes, bytes);
    this.#recent.add(cid.multihash, bytes);
    return cid;
  }

  async putNode(node, codec) {
    return this.putBytes(codec.encode(node), codec);
  }

  async getNode(cid) {
    return codecOf(cid.code).decode(await this.get(cid));
  }

  /**
   * Stores blocks and meta values in one atomic write.
   * @param blocks iterable of { cid, payload }; a payload that does not hash to its CID is refused, so that no client
   *   can plant other bytes under a CID that somebody else will ask for
   * @param meta record of name to bytes
   */
  async import(blocks, meta = {}) {
    const batch = this.#db.batch();
    for (const { cid, payload } of blocks) {
      await assertHash(cid, payload);
      batch.put(cid.multihash.bytes, payload);
    }
    for (const [name, value] of Object.entries(meta)) batch.put(metaKey(name), value);
    await batch.write();
    for (const { cid, payload } of blocks) this.#recent.add(cid.multihash, payload);
  }

  /** A named value, or undefined. */
  async getMeta(name) {
    try {
      return await this.#db.get(metaKey(name));
    } catch (error) {
      if (error.code === 'LEVEL_NOT_FOUND') return undefined;
      throw error;
    }
  }

  async close() {
    await this.#db.close();
  }
}

function metaKey(name) {
  return Uint8Array.from([...META_PREFIX, ...new TextEncoder().encode(name)]);
}

async function assertHash(cid, payload) {
  if (cid.multihash.code !== sha256.code) throw new Error(`block ${cid} is not addressed by SHA-256`);
  const { digest } = await sha256.digest(payload);
  if (!cid.multihash.digest.every((byte, i) => byte === digest[i])) throw new Error(`block does not hash to ${cid}`);
}
