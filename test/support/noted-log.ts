import { ed25519 } from '@noble/curves/ed25519.js';
import { fromHex, toHex, utf8 } from '../../src/kernel/index.js';
import { cosignatureMessage, formatNote, formatVerifierKey, keyHashOf } from '../../src/provenance/verify/note.js';
import { formatCheckpoint, type Trust } from '../../src/provenance/verify/index.js';
import type { AnchorableCheckpoint, LogClient } from '../../src/provenance/index.js';
import { memoryLog } from './memory-log.js';
import { market, parties, protocolFeeBps } from './provenance-story.js';

export const ORIGIN = 'log.example/weighbridge';
const logSecret = fromHex('01'.repeat(32));
const witnessSecret = fromHex('02'.repeat(32));
export const WITNESS = 'witness.example/one';
export const logVkey = formatVerifierKey(ORIGIN, 'ed25519', ed25519.getPublicKey(logSecret));
export const witnessVkey = formatVerifierKey(WITNESS, 'cosignature', ed25519.getPublicKey(witnessSecret));

export const trust: Trust = {
  version: 1,
  chainId: market.chainId,
  contracts: { marketplace: market.contract, logAnchor: '0x2222222222222222222222222222222222222222' },
  recorder: parties.recorder.address,
  treasury: parties.treasury.address,
  protocolFeeBps,
  log: { origin: ORIGIN, vkeys: [{ vkey: logVkey, fromSize: 0 }] },
  witnesses: { quorum: 0, vkeys: [] },
};

/** Signs a checkpoint text as the test log and, if asked, as its witness. */
export function signNote(text: string, { secret = logSecret, name = ORIGIN, witnessed = false } = {}): string {
  const publicKey = ed25519.getPublicKey(secret);
  const signatures = [
    { name, keyHash: keyHashOf(name, 'ed25519', publicKey), signature: ed25519.sign(utf8(text), secret) },
  ];
  if (witnessed) {
    const time = new Uint8Array(8);
    new DataView(time.buffer).setBigUint64(0, 1_790_000_000n);
    const cosigned = ed25519.sign(utf8(cosignatureMessage(text, 1_790_000_000n)), witnessSecret);
    const keyHash = keyHashOf(WITNESS, 'cosignature', ed25519.getPublicKey(witnessSecret));
    signatures.push({ name: WITNESS, keyHash, signature: Uint8Array.of(...time, ...cosigned) });
  }
  return formatNote({ text, signatures });
}

/** A log in memory that signs its one checkpoint: what `assembleReceipt` and the proof glue read from. */
export function notedLog(
  entries: readonly Uint8Array[],
  { witnessed = false } = {},
): Pick<LogClient, 'checkpoint' | 'tile'> {
  const { head, tile } = memoryLog(entries);
  const note = signNote(formatCheckpoint({ origin: ORIGIN, ...head }), { witnessed });
  const checkpoint: AnchorableCheckpoint = { size: head.size, root: toHex(head.root), note, signatures: [] };
  return { tile, checkpoint: async () => checkpoint };
}
