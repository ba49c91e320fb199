import { isWeighbridgeError, offerFromJson, WeighbridgeError, type Bytes32, type Network } from '../../kernel/index.js';
import { consentRevokedRecord, parseEntry, sealRecord } from '../../provenance/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { Dataset } from '../api/schemas.js';
import type { Account, SellerChain } from '../ports.js';
import type { Ui } from '../ui/ui.js';

export interface RevokeDeps {
  ui: Ui;
  network: Network;
  account: Account;
  api: Pick<MarketApi, 'dataset' | 'nextRecord' | 'revokeConsent'>;
  chain: Pick<SellerChain, 'revoke' | 'revokeLicence'>;
  now(): Date;
}

export interface Revoked {
  keyId: Bytes32;
  licence: Bytes32 | null;
  /** Transaction that stopped the keys. */
  transaction: string;
  logIndex: number;
  revokedAt: string;
  /** An earlier run recorded it: nothing changed now. */
  already: boolean;
}

/** What a record's time may have lost of the moment that it was signed. */
const ROUNDED_MS = 1_000;

/** Other records of the dataset may take the place that was signed; each try learns the place that is free then. */
const ATTEMPTS = 10;

/**
 * Revokes consent: the contract first, because it is what stops the keys, then the signed record. Interrupted, the same command
 * goes on: the chain answers with the transaction that did it, the marketplace with the record that it has.
 * @throws WeighbridgeError FORBIDDEN, and whatever chain and marketplace say
 */
export async function revokeConsent(dataset: string, licence: Bytes32 | null, deps: RevokeDeps): Promise<Revoked> {
  const { account, api, chain, ui } = deps;
  const from = deps.now().getTime();
  const found = await api.dataset(dataset);
  if (found.seller.toLowerCase() !== account.address.toLowerCase()) throw notTheSeller(found);
  ui.note('telling the Marketplace contract: from its next block on no key is released');
  const transaction = await (licence === null ? chain.revoke(found.id) : chain.revokeLicence(found.id, licence));
  ui.note('recording it in the log');
  const { logIndex, revokedAt } = await record(found, licence, deps);
  const already = Date.parse(revokedAt) + ROUNDED_MS <= from;
  return { keyId: found.id, licence, transaction, logIndex, revokedAt, already };
}

async function record(dataset: Dataset, licence: Bytes32 | null, deps: RevokeDeps) {
  const { network, account, api } = deps;
  const market = { chainId: network.chainId, contract: network.contracts.marketplace };
  const facts = { offer: offerFromJson(dataset.offer), licence, revokedAt: deps.now() };
  for (let attempt = 1; ; attempt += 1) {
    const unsigned = consentRevokedRecord(market, { ...facts, position: await api.nextRecord(dataset.id) });
    const { envelope } = parseEntry(await sealRecord({ ...unsigned, signer: account }));
    try {
      return await api.revokeConsent({ dataset: dataset.id, licence, envelope });
    } catch (error) {
      if (!isWeighbridgeError(error) || error.code !== 'RECORD_OUT_OF_ORDER' || attempt === ATTEMPTS) throw error;
    }
  }
}

function notTheSeller({ id, seller }: Dataset): WeighbridgeError {
  return new WeighbridgeError('FORBIDDEN', `${id} belongs to ${seller}`, {
    next: 'Revoke with the key that published it (--key-file).',
  });
}
