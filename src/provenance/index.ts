/** The module's only door. What a browser needs comes through `verify/index.ts` instead. */
export * from './statements.js';
export type { Appended, AnchorableCheckpoint, LogClient } from './ports.js';
export {
  dssePae,
  entryBytes,
  MAX_ENTRY_BYTES,
  parseEntry,
  sealRecord,
  verifyEntrySignature,
  type LogEntry,
  type RecordSigner,
  type UnsignedRecord,
} from './record.js';
export { assertEntryAgrees, sameAddress, signerOf, verifyEntry } from './verify-entry.js';
export {
  commitmentOfRecord,
  completionOf,
  keyIdOfRecord,
  licenceOfRecord,
  orderIdOfRecord,
  positionOfRecord,
  weightsOfRecord,
  type RecordContent,
} from './commitment.js';
export {
  blastRadiusOf,
  formatBlastRadius,
  NOT_UNLEARNED,
  Touched,
  verifyBlastRadius,
  type BlastRadius,
} from './blast-radius.js';
export { DatasetLog } from './dataset-log.js';
export { acceptRecord, fixRecord, lockDataset, nextPosition } from './fix-record.js';
export { FIRST_POSITION, positionAfter } from './position.js';
export {
  accessGrantedRecord,
  builderId,
  dependenciesOf,
  jobSettledRecord,
  trainingCompletedRecord,
  trainingRefusedRecord,
  type TrainingFacts,
} from './run-record-builders.js';
export { consentRevokedRecord, datasetListedRecord, licenceIssuedRecord } from './statement-builders.js';
export {
  CIPHERTEXT_NAME,
  consentSubject,
  datasetSubject,
  jobSubject,
  licenceSubject,
  MODEL_FILES_NAME,
  WEIGHTS_NAME,
  weightsSubject,
} from './subjects.js';
export {
  anchorArgs,
  headOf,
  inclusionArgs,
  type AnchorCall,
  type AnchoredHead,
  type InclusionCall,
} from './anchor-args.js';
export { anchorWhenDue, type AnchorChain } from './anchor-when-due.js';
export { Poller, type Found, type Pace } from './poller.js';
export { consistencyProof, inclusionProof } from './tiles/proofs.js';
export { readEntries, readEntry, type IndexedEntry } from './tiles/read-entries.js';
export * from './export/index.js';
export { VerifiedTree, type TileFetcher } from './tiles/tree.js';
export { checkLog, type LogFindings } from './fsck/check-log.js';
export { logSourceOf, openLogSource, type LogReader, type LogSource } from './fsck/log-source.js';
export * from './relay/index.js';
export { fromBase64, toBase64 } from './verify/base64.js';
export { proveRecords, type ProvenEntry } from './prove-records.js';
export { assembleReceipt, type ReceiptInput } from './receipt.js';
export * from './verify/index.js';
export { noteSigner } from './log/signers.js';
export { createHttpLogClient, type HttpLogOptions } from './http-log-client.js';
export { copyRepairedRecord, possessionFaultRecord, storageWarningRecord } from './storage-record-builders.js';
