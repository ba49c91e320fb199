/** Verification, pure: no I/O and nothing of Node. A browser imports this door. */
export { check, CHECK_CODES, CheckFailed, type Check, type CheckCode } from './checks.js';
export { formatCheckpoint, parseCheckpoint, verifyCheckpoint, type Checkpoint, type LogTrust } from './checkpoint.js';
export { compareWithChain, splitHashOf, type ChainFacts } from './compare-online.js';
export {
  formatNote,
  formatVerifierKey,
  keyHashOf,
  parseNote,
  parseVerifierKey,
  verifyNoteSignature,
  type Note,
  type VerifierKey,
} from './note.js';
export { readRecord } from './receipt-records.js';
export { parseReceipt, RECEIPT_RECORDS, receiptSchema, type Receipt, type ReceiptRecord } from './receipt-schema.js';
export { EMPTY_ROOT, pureHasher, verifyConsistency, verifyInclusion, type Hasher, type TreeHead } from './rfc6962.js';
export { checkSplitView, type ShownTree } from './split-view.js';
export { formatTlogProof, parseTlogProof, type TlogProof } from './tlog-proof.js';
export { marketOf, parseTrust, trustOfNetwork, trustSchema, type Trust } from './trust.js';
export { verifyReceipt, type Verdict } from './verify-receipt.js';
export { verifyRecordInLog } from './verify-record.js';
