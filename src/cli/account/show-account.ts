import { formatWei } from '../../kernel/index.js';
import type { Cli } from '../cli.js';
import { facts } from '../ui/table.js';

/** What an account has on chain. Amounts in wei under `--json`. */
export async function showAccount(cli: Cli): Promise<void> {
  const [network, account] = await Promise.all([cli.network(), cli.account()]);
  const chain = await cli.adapters.buyerChain(network, account);
  const [balanceWei, owedWei, feesWei] = await Promise.all([
    chain.usdfcBalance(),
    chain.owed(),
    cli.adapters.nativeBalance(network, account.address),
  ]);
  const { out } = cli.ui;
  cli.ui.result({ address: account.address, chainId: network.chainId, balanceWei, owedWei, feesWei }, () => [
    ...facts([
      ['address', out.bold(account.address)],
      ['network', `${network.name}, chain ${network.chainId}`],
      ['balance', `${formatWei(balanceWei)} USDFC`],
      [
        'for fees',
        `${formatWei(feesWei)} of the chain's own coin${feesWei === 0n ? ': without any, no transaction can be sent' : ''}`,
      ],
      ['credit', `${formatWei(owedWei)} USDFC${owedWei > 0n ? ': "weighbridge withdraw" pays it out' : ''}`],
    ]),
  ]);
}
