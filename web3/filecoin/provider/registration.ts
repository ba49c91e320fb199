import { bytesToHex, numberToBytes, stringToHex } from 'viem';
import type { Hex } from '../../../src/kernel/index.js';
import { MAX_PIECE_BYTES, MIN_PIECE_BYTES } from '../../../src/storage/index.js';
import { serviceProviderRegistryAbi } from '../../chain/abi/service-provider-registry.js';
import type { ChainClient } from './chain-client.js';
import type { ProviderConfig } from './config.js';

/** Number of the PDP storage product. */
const PDP_PRODUCT = 0;
const STORAGE_PRICE_PER_TIB_PER_DAY_WEI = (25n * 10n ** 17n) / 30n;
const MIN_PROVING_PERIOD_EPOCHS = 30n;

/**
 * Sees to it that the registry names this provider and the URL that it serves now. A repeat changes nothing. Approval
 * and endorsement are the service owner's to give.
 * @throws Error if the registry refuses, for one because the account cannot pay the fee
 */
export async function ensureRegistered(chain: ChainClient, config: ProviderConfig): Promise<void> {
  const { reader, writer, account } = chain;
  const registry = {
    address: config.network.contracts.serviceProviderRegistry,
    abi: serviceProviderRegistryAbi,
  } as const;
  const [keys, values] = pdpCapabilities(config);
  const id = await reader.readContract({
    ...registry,
    functionName: 'getProviderIdByAddress',
    args: [account.address],
  });
  if (id === 0n) {
    const fee = await reader.readContract({ ...registry, functionName: 'REGISTRATION_FEE' });
    const args = [account.address, 'Weighbridge storage provider', '', PDP_PRODUCT, keys, values] as const;
    await confirmed(
      chain,
      await writer.writeContract({ ...registry, functionName: 'registerProvider', args, value: fee }),
    );
    return;
  }
  const known = await reader.readContract({
    ...registry,
    functionName: 'getProviderWithProduct',
    args: [id, PDP_PRODUCT],
  });
  const url = known.productCapabilityValues[known.product.capabilityKeys.indexOf('serviceURL')];
  if (url === stringToHex(config.serviceUrl)) return;
  const args = [PDP_PRODUCT, keys, values] as const;
  await confirmed(chain, await writer.writeContract({ ...registry, functionName: 'updateProduct', args }));
}

/** The seven capabilities that clients read of a PDP provider. */
function pdpCapabilities({ serviceUrl, network }: ProviderConfig): [string[], Hex[]] {
  const number = (value: number | bigint): Hex => bytesToHex(numberToBytes(value));
  const capabilities: Record<string, Hex> = {
    serviceURL: stringToHex(serviceUrl),
    minPieceSizeInBytes: number(MIN_PIECE_BYTES),
    maxPieceSizeInBytes: number(MAX_PIECE_BYTES),
    storagePricePerTibPerDay: number(STORAGE_PRICE_PER_TIB_PER_DAY_WEI),
    minProvingPeriodInEpochs: number(MIN_PROVING_PERIOD_EPOCHS),
    location: stringToHex('C=ZZ'),
    paymentTokenAddress: network.contracts.usdfc,
  };
  return [Object.keys(capabilities), Object.values(capabilities)];
}

async function confirmed({ reader }: ChainClient, hash: Hex): Promise<void> {
  const receipt = await reader.waitForTransactionReceipt({ hash });
  if (receipt.status !== 'success') throw new Error(`registration was refused in transaction ${hash}`);
}
