import { encodeAbiParameters, hashTypedData, keccak256, stringToHex, type TypedDataDomain } from 'viem';
import type { Address, Bytes32 } from './bytes.js';
import { TYPES } from './eip712-types.js';

export interface Share {
  to: Address;
  amount: bigint;
}

/** What a seller signs once a dataset version: price, who is paid, which operators may train on it. Amounts in wei. */
export interface Offer {
  datasetId: Bytes32;
  version: number;
  seller: Address;
  price: bigint;
  nodeFee: bigint;
  /** What a whole epsilon of a run's privacy loss costs above the price, wei. */
  pricePerEpsilon: bigint;
  /** The most epsilon that one run may take, in millionths. */
  maxEpsilonMicros: bigint;
  payees: Share[];
  operators: Address[];
  termsDigest: Bytes32;
  manifestDigest: Bytes32;
  /** Unix seconds. */
  validUntil: bigint;
}

/** What a buyer signs to accept a dataset version's terms for one purpose. */
export interface Licence {
  keyId: Bytes32;
  termsDigest: Bytes32;
  /** The buyer's pseudonym for this dataset version: an address that it uses for no other. */
  buyer: Address;
  /** SHA-256(32 random bytes || UTF-8 purpose); salt and purpose stay in an erasable table. */
  purposeCommitment: Bytes32;
  validUntil: bigint;
  nonce: Bytes32;
}

/** One paid training run. Its EIP-712 digest is the order id, and the job id everywhere off chain. */
export interface Order {
  keyId: Bytes32;
  /** EIP-712 digest of the Offer it was opened against. */
  offer: Bytes32;
  buyer: Address;
  operator: Address;
  /** EIP-712 digest of the Licence. */
  licence: Bytes32;
  /** SHA-256 of the model declaration (`ModelDeclaration`, canonical JSON). */
  jobDigest: Bytes32;
  /** The run's epsilon in millionths, rounded up; 0 is a run without privacy. */
  epsilonMicros: bigint;
  deadline: bigint;
  salt: Bytes32;
}

export interface Deployed {
  chainId: number;
  contract: Address;
}

export function marketplaceDomain({ chainId, contract }: Deployed): TypedDataDomain {
  return { name: 'Weighbridge Marketplace', version: '1', chainId, verifyingContract: contract };
}

export function logAnchorDomain({ chainId, contract }: Deployed): TypedDataDomain {
  return { name: 'Weighbridge LogAnchor', version: '1', chainId, verifyingContract: contract };
}

/** keccak256(abi.encode(seller, datasetId, version)): only its seller can list it, so a key id cannot be squatted. */
export function keyIdOf(seller: Address, datasetId: Bytes32, version: number): Bytes32 {
  return keccak256(
    encodeAbiParameters([{ type: 'address' }, { type: 'bytes32' }, { type: 'uint32' }], [seller, datasetId, version]),
  );
}

export function offerDigest(market: Deployed, offer: Offer): Bytes32 {
  return hashTypedData({ domain: marketplaceDomain(market), types: TYPES, primaryType: 'Offer', message: offer });
}

export function licenceDigest(market: Deployed, licence: Licence): Bytes32 {
  return hashTypedData({ domain: marketplaceDomain(market), types: TYPES, primaryType: 'Licence', message: licence });
}

/**
 * What an account signs to say that a pseudonym is its own. It is in no record: marketplace and parties have it, and whoever is
 * shown the receipt.
 */
export function pseudonymDigest(market: Deployed, message: { keyId: Bytes32; pseudonym: Address }): Bytes32 {
  return hashTypedData({ domain: marketplaceDomain(market), types: TYPES, primaryType: 'Pseudonym', message });
}

export function orderIdOf(market: Deployed, order: Order): Bytes32 {
  return hashTypedData({ domain: marketplaceDomain(market), types: TYPES, primaryType: 'Order', message: order });
}

export function assignDigest(market: Deployed, message: { orderId: Bytes32; worker: Address }): Bytes32 {
  return hashTypedData({ domain: marketplaceDomain(market), types: TYPES, primaryType: 'Assign', message });
}

export interface Access {
  orderId: Bytes32;
  keyId: Bytes32;
  licence: Bytes32;
  worker: Address;
}

export function accessDigest(market: Deployed, message: Access): Bytes32 {
  return hashTypedData({ domain: marketplaceDomain(market), types: TYPES, primaryType: 'Access', message });
}

export interface Completion {
  orderId: Bytes32;
  worker: Address;
  /** SHA-256 of the plaintext safetensors file that passed the gate. */
  weightsDigest: Bytes32;
  /** SHA-256 of the age file made of it. */
  ciphertextDigest: Bytes32;
}

export function completionDigest(market: Deployed, message: Completion): Bytes32 {
  return hashTypedData({ domain: marketplaceDomain(market), types: TYPES, primaryType: 'Completion', message });
}

export function refusalDigest(market: Deployed, message: { orderId: Bytes32; reason: Bytes32 }): Bytes32 {
  return hashTypedData({ domain: marketplaceDomain(market), types: TYPES, primaryType: 'Refusal', message });
}

export interface Settlement {
  orderId: Bytes32;
  /** Hash of the transaction that settled or refunded the order. */
  transaction: Bytes32;
  /** "settled" or "refunded", ASCII, right-padded with zeros. */
  outcome: Bytes32;
}

export function settlementDigest(market: Deployed, message: Settlement): Bytes32 {
  return hashTypedData({ domain: marketplaceDomain(market), types: TYPES, primaryType: 'Settlement', message });
}

export interface Revocation {
  keyId: Bytes32;
  /** The one licence that ends; 32 zero bytes for the whole dataset version. */
  licence: Bytes32;
}

export function revocationDigest(market: Deployed, message: Revocation): Bytes32 {
  return hashTypedData({ domain: marketplaceDomain(market), types: TYPES, primaryType: 'Revocation', message });
}

export interface PossessionFault {
  keyId: Bytes32;
  providerId: bigint;
  dataSetId: bigint;
  /** From the closed list of kinds, ASCII, right-padded with zeros. */
  kind: Bytes32;
  /** Epoch at which it was seen. */
  epoch: bigint;
}

export function possessionFaultDigest(market: Deployed, message: PossessionFault): Bytes32 {
  return hashTypedData({ domain: marketplaceDomain(market), types: TYPES, primaryType: 'PossessionFault', message });
}

export interface CopyRepaired {
  keyId: Bytes32;
  replacedDataSetId: bigint;
  providerId: bigint;
  dataSetId: bigint;
}

export function copyRepairedDigest(market: Deployed, message: CopyRepaired): Bytes32 {
  return hashTypedData({ domain: marketplaceDomain(market), types: TYPES, primaryType: 'CopyRepaired', message });
}

export interface StorageWarning {
  keyId: Bytes32;
  daysLeft: number;
  fundedUntilEpoch: bigint;
}

export function storageWarningDigest(market: Deployed, message: StorageWarning): Bytes32 {
  return hashTypedData({ domain: marketplaceDomain(market), types: TYPES, primaryType: 'StorageWarning', message });
}

/** `origin` is keccak256 of the log's C2SP origin line. */
export function checkpointDigest(anchor: Deployed, message: { origin: Bytes32; size: bigint; root: Bytes32 }): Bytes32 {
  return hashTypedData({ domain: logAnchorDomain(anchor), types: TYPES, primaryType: 'Checkpoint', message });
}

/** What a quorum of LogAnchor's signers signs to put another set in their place. */
export interface SignerSet {
  /** keccak256 of the log's C2SP origin line. */
  origin: Bytes32;
  /** `LogAnchor.signerChanges()`: each signature is for one change. */
  nonce: bigint;
  signers: Address[];
  quorum: number;
}

export function signerSetDigest(anchor: Deployed, message: SignerSet): Bytes32 {
  return hashTypedData({ domain: logAnchorDomain(anchor), types: TYPES, primaryType: 'SignerSet', message });
}

/** A closed-list word as the contracts hold it: ASCII, right-padded with zeros to 32 bytes. */
export function asciiBytes32(word: string): Bytes32 {
  return stringToHex(word, { size: 32 });
}
