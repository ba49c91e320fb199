import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { CID } from 'multiformats/cid';

const HEAD = 'notary-head';

/**
 * Stands where Ceramic's anchor chain stands: signs one statement for each Merkle root, each naming the one before. The
 * statements are blocks, so a stream's anchors verify again after any restart. (js-ceramic's own in-memory anchor
 * service forgets its roots with the process, and a later sync then cuts streams back to their genesis.)
 */
export class Notary {
  #store;
  #privateKey;
  #publicKey;
  #head;

  constructor(store, privateKey, head) {
    this.#store = store;
    this.#privateKey = privateKey;
    this.#publicKey = createPublicKey(privateKey);
    this.#head = head;
  }

  static async open(store, keyFile) {
    const head = await store.getMeta(HEAD);
    return new Notary(store, loadKey(keyFile), head === undefined ? null : CID.decode(head));
  }

  /** Signs `root`; the statement is put into `car` and its CID returned. Nothing is durable before `commit`. */
  sign(car, root, count) {
    const statement = { v: 1, root, time: Math.floor(Date.now() / 1000), prev: this.#head, count };
    return car.put({ ...statement, sig: sign(null, signedBytes(statement), this.#privateKey) });
  }

  /** Stores the blocks of `car` and moves the head to `statement`, in one atomic write. */
  async commit(car, statement) {
    await this.#store.import(car.blocks, { [HEAD]: statement.bytes });
    this.#head = statement;
  }

  /**
   * Checks an anchor proof against the stored statement. @returns its time, Unix seconds
   * @throws Error if the statement is for another root or not by this notary
   */
  async validate(proof) {
    const statement = await this.#store.getNode(proof.txHash);
    if (statement.root.toString() !== proof.root.toString()) throw new Error('notary statement is for another root');
    if (!verify(null, signedBytes(statement), this.#publicKey, statement.sig)) throw new Error('bad notary signature');
    return statement.time;
  }
}

function signedBytes({ v, root, time, prev, count }) {
  return Buffer.from(JSON.stringify([v, root.toString(), time, prev === null ? null : prev.toString(), count]));
}

function loadKey(file) {
  if (!existsSync(file)) {
    const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
    // Renamed into place: a kill in the middle of a write must not leave half a key.
    writeFileSync(`${file}.new`, pem, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  return createPrivateKey(readFileSync(file));
}
