/**
 * The EIP-712 types that people and machines sign, and that `Marketplace.sol` and `LogAnchor.sol` hash again. A digest
 * made here is also the 64 hex digits in the header line of a log entry: one value is signed, logged and compared on
 * chain, and it binds chain id and contract, so nothing replays on another deployment.
 * Field order and names MUST equal the type hashes in `web3/contracts/src`.
 */
export const TYPES = {
  Share: [
    { name: 'to', type: 'address' },
    { name: 'amount', type: 'uint128' },
  ],
  Offer: [
    { name: 'datasetId', type: 'bytes32' },
    { name: 'version', type: 'uint32' },
    { name: 'seller', type: 'address' },
    { name: 'price', type: 'uint128' },
    { name: 'nodeFee', type: 'uint128' },
    { name: 'pricePerEpsilon', type: 'uint128' },
    { name: 'maxEpsilonMicros', type: 'uint64' },
    { name: 'payees', type: 'Share[]' },
    { name: 'operators', type: 'address[]' },
    { name: 'termsDigest', type: 'bytes32' },
    { name: 'manifestDigest', type: 'bytes32' },
    { name: 'validUntil', type: 'uint64' },
  ],
  Licence: [
    { name: 'keyId', type: 'bytes32' },
    { name: 'termsDigest', type: 'bytes32' },
    { name: 'buyer', type: 'address' },
    { name: 'purposeCommitment', type: 'bytes32' },
    { name: 'validUntil', type: 'uint64' },
    { name: 'nonce', type: 'bytes32' },
  ],
  Pseudonym: [
    { name: 'keyId', type: 'bytes32' },
    { name: 'pseudonym', type: 'address' },
  ],
  Order: [
    { name: 'keyId', type: 'bytes32' },
    { name: 'offer', type: 'bytes32' },
    { name: 'buyer', type: 'address' },
    { name: 'operator', type: 'address' },
    { name: 'licence', type: 'bytes32' },
    { name: 'jobDigest', type: 'bytes32' },
    { name: 'epsilonMicros', type: 'uint64' },
    { name: 'deadline', type: 'uint64' },
    { name: 'salt', type: 'bytes32' },
  ],
  Assign: [
    { name: 'orderId', type: 'bytes32' },
    { name: 'worker', type: 'address' },
  ],
  Access: [
    { name: 'orderId', type: 'bytes32' },
    { name: 'keyId', type: 'bytes32' },
    { name: 'licence', type: 'bytes32' },
    { name: 'worker', type: 'address' },
  ],
  Completion: [
    { name: 'orderId', type: 'bytes32' },
    { name: 'worker', type: 'address' },
    { name: 'weightsDigest', type: 'bytes32' },
    { name: 'ciphertextDigest', type: 'bytes32' },
  ],
  Refusal: [
    { name: 'orderId', type: 'bytes32' },
    { name: 'reason', type: 'bytes32' },
  ],
  Settlement: [
    { name: 'orderId', type: 'bytes32' },
    { name: 'transaction', type: 'bytes32' },
    { name: 'outcome', type: 'bytes32' },
  ],
  Revocation: [
    { name: 'keyId', type: 'bytes32' },
    { name: 'licence', type: 'bytes32' },
  ],
  PossessionFault: [
    { name: 'keyId', type: 'bytes32' },
    { name: 'providerId', type: 'uint64' },
    { name: 'dataSetId', type: 'uint64' },
    { name: 'kind', type: 'bytes32' },
    { name: 'epoch', type: 'uint64' },
  ],
  CopyRepaired: [
    { name: 'keyId', type: 'bytes32' },
    { name: 'replacedDataSetId', type: 'uint64' },
    { name: 'providerId', type: 'uint64' },
    { name: 'dataSetId', type: 'uint64' },
  ],
  StorageWarning: [
    { name: 'keyId', type: 'bytes32' },
    { name: 'daysLeft', type: 'uint32' },
    { name: 'fundedUntilEpoch', type: 'uint64' },
  ],
  Checkpoint: [
    { name: 'origin', type: 'bytes32' },
    { name: 'size', type: 'uint64' },
    { name: 'root', type: 'bytes32' },
  ],
  SignerSet: [
    { name: 'origin', type: 'bytes32' },
    { name: 'nonce', type: 'uint64' },
    { name: 'signers', type: 'address[]' },
    { name: 'quorum', type: 'uint32' },
  ],
} as const;
