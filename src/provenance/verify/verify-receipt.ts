import { getAddress } from 'viem';
import { assertEntryAgrees } from '../verify-entry.js';
import { check, CheckFailed, type Check } from './checks.js';
import { verifyCheckpoint } from './checkpoint.js';
import {
  checkAccess,
  checkDataset,
  checkDigests,
  checkLicence,
  checkModel,
  checkOrder,
  checkSequence,
  checkSettlement,
  checkTraining,
} from './receipt-fields.js';
import { checkInclusion, readRecord, type ProvenRecord, type ReceiptRecords } from './receipt-records.js';
import { parseReceipt, RECEIPT_RECORDS, type Receipt, type ReceiptRecord } from './receipt-schema.js';
import { checkConsents, checkRecordSignature } from './receipt-signatures.js';
import { marketOf, type Trust } from './trust.js';

export interface Verdict {
  /** True only if every check passed. */
  ok: boolean;
  checks: Check[];
}

/**
 * Verifies a receipt with nothing but its bytes and a trust file: no network, no clock, no files.
 * It never throws on any input; a failure is a check that did not pass.
 */
export async function verifyReceipt(bytes: Uint8Array, trust: Trust): Promise<Verdict> {
  const checks: Check[] = [];
  for await (const result of receiptChecks(bytes, trust)) checks.push(result);
  return { ok: checks.length > 0 && checks.every((c) => c.ok), checks };
}

/** The checks in order, made as they are asked for: hashes and comparisons first, signatures last. */
export async function* receiptChecks(bytes: Uint8Array, trust: Trust): AsyncGenerator<Check> {
  let receipt: Receipt | undefined;
  yield await check('file', 'nothing', 'BAD_FORMAT', () => {
    receipt = parseReceipt(bytes);
    return 'canonical JSON of format weighbridge-receipt/v1';
  });
  if (receipt === undefined) return;
  const { network } = receipt;
  yield await check('network', 'the trust file', 'WRONG_NETWORK', () => checkNetwork(network, trust));
  const records = yield* recordChecks(receipt);
  // A record that does not parse has failed, and there is nothing to compare with.
  if (records === undefined) return;
  yield* fieldChecks(receipt, records, trust);
  yield* signatureChecks(receipt, records, trust);
}

/** Ends in all records as they were read, or undefined if one could not be. */
async function* recordChecks(receipt: Receipt): AsyncGenerator<Check, ReceiptRecords | undefined> {
  const read = new Map<ReceiptRecord, ProvenRecord>();
  for (const type of RECEIPT_RECORDS) {
    yield await check(`log:${type}`, 'SHA-256 and the checkpoint', 'RECORD_MALFORMED', () => {
      const record = readRecord(receipt.records, type);
      read.set(type, record);
      return checkInclusion(record);
    });
  }
  return read.size === RECEIPT_RECORDS.length ? (Object.fromEntries(read) as ReceiptRecords) : undefined;
}

async function* fieldChecks(receipt: Receipt, records: ReceiptRecords, trust: Trust): AsyncGenerator<Check> {
  const market = marketOf(trust);
  const field = async (name: string, restsOn: string, run: () => string): Promise<Check> =>
    check(name, restsOn, 'RECORD_DISAGREES', run);
  yield await field('dataset', 'the seller’s record', () => checkDataset(receipt, records));
  yield await field('licence', 'the recorder’s record', () => checkLicence(receipt, records));
  yield await field('order', 'the operator’s record', () => checkOrder(receipt, records, trust));
  yield await field('access', 'the operator’s record', () => checkAccess(receipt, records));
  yield await field('training', 'the worker’s record', () => checkTraining(receipt, records));
  yield await field('model', 'SHA-256', () => checkModel(receipt));
  yield await field('settlement', 'the recorder’s record and the seller’s offer', () =>
    checkSettlement(receipt, records, trust),
  );
  yield await field('sequence', 'the log', () => checkSequence(records));
  yield await field('digests', 'EIP-712 and Keccak-256', () => checkDigests(receipt, market));
  for (const type of RECEIPT_RECORDS) {
    yield await field(`record:${type}`, 'EIP-712 and Keccak-256', () => {
      assertEntryAgrees(records[type].entry, market);
      return 'header line and statement say the same';
    });
  }
}

async function* signatureChecks(receipt: Receipt, records: ReceiptRecords, trust: Trust): AsyncGenerator<Check> {
  yield await check('checkpoint', 'the log’s key, and the witnesses of the trust file', 'BAD_CHECKPOINT', () => {
    const notes = new Set(RECEIPT_RECORDS.map((type) => records[type].proof.checkpoint));
    const sizes = [...notes].map((note) => verifyCheckpoint(note, trust, true).size);
    return `signed by ${trust.log.origin} at ${sizes.join(', ')} entries, quorum ${trust.witnesses.quorum}`;
  });
  yield await check('consents', 'the keys of seller, buyer and operator', 'BAD_SIGNATURE', async () =>
    checkConsents(receipt, records, marketOf(trust)),
  );
  for (const type of RECEIPT_RECORDS) {
    yield await check(`signature:${type}`, 'the signer’s key', 'BAD_SIGNATURE', async () =>
      checkRecordSignature(records[type].entry, trust),
    );
  }
}

function checkNetwork(network: Receipt['network'], trust: Trust): string {
  const { chainId, marketplace, logOrigin } = network;
  const ours = getAddress(trust.contracts.marketplace);
  // Exactly the checksummed spelling: another one is a changed character.
  if (chainId !== trust.chainId || marketplace !== ours || logOrigin !== trust.log.origin) {
    throw new CheckFailed('WRONG_NETWORK', `of chain ${chainId}, ${marketplace}, ${logOrigin}, not the trusted ones`);
  }
  return `chain ${chainId}, marketplace ${marketplace}, log ${logOrigin}`;
}
