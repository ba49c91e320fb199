import type { Bytes32, Network } from '../../kernel/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { Account, BuyerChain } from '../ports.js';
import type { StateDir } from '../state/state-dir.js';
import type { Ui } from '../ui/ui.js';

/** What the steps of a training run work with. */
export interface TrainDeps {
  ui: Ui;
  network: Network;
  account: Account;
  /** Who the records of a dataset version know instead of the account. */
  pseudonym(keyId: Bytes32): Promise<Account>;
  state: StateDir;
  api: MarketApi;
  chain: BuyerChain;
  now(): Date;
}
