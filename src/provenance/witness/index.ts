/** What a witness, and a log that asks one, have in common. The witness's own process enters here. */
export { formatAddCheckpoint, parseAddCheckpoint, parseSize, TLOG_SIZE, type AddCheckpoint } from './add-checkpoint.js';
export { anchorDigest, chainKeyHash, findChainSignature } from './chain-signature.js';
export { readEd25519Key, type Ed25519Key } from '../ed25519-key.js';
export { decodeUtf8 } from '../verify/canonical.js';
export { parseAnyCheckpoint, type Checkpoint } from '../verify/checkpoint.js';
export {
  cosignatureMessage,
  formatNote,
  formatSignatureLines,
  formatVerifierKey,
  keyHashOf,
  parseNote,
  parseSignatureLines,
  parseVerifierKey,
  verifyNoteSignature,
  type NoteSignature,
  type VerifierKey,
} from '../verify/note.js';
export { EMPTY_ROOT, verifyConsistency, type TreeHead } from '../verify/rfc6962.js';
