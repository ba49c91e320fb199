import type { Bytes32 } from '../../../src/kernel/index.js';
import { firstThatAnswer, rankedProviders, type Provider } from './choose-providers.js';
import { dataSetsOf } from './dataset-label.js';
import type { FocSigner } from './foc-client.js';
import { providerDown } from './storage-errors.js';

export interface ChosenCopies {
  /** The first takes the bytes, the others pull them from it. */
  chosen: { provider: Provider; dataSetId: bigint | undefined }[];
  /** Others that could, the best first. */
  spares: Provider[];
}

/**
 * Providers for the copies of a dataset: those that hold one already, and then the best of the others; each must answer now.
 * @throws WeighbridgeError PROVIDER_DOWN (retryable) if too few do: nothing is sold that is not stored as often as promised
 */
export async function chooseCopies(
  wallet: FocSigner,
  dataset: Bytes32 | undefined,
  copies: number,
): Promise<ChosenCopies> {
  const [ranked, all] = await Promise.all([
    rankedProviders(wallet, dataset),
    dataSetsOf(wallet, wallet.account.address, dataset),
  ]);
  const sets = all.filter(({ endEpoch }) => endEpoch === 0n);
  const holding = sets.flatMap(({ providerId }) => ranked.filter(({ id }) => id === providerId));
  const others = ranked.filter((provider) => !holding.includes(provider));
  const candidates = [...new Set([...holding, ...others])];
  const answering = await firstThatAnswer(candidates, copies);
  if (answering.length < copies) {
    throw providerDown(
      `${answering.length} of ${ranked.length} storage providers answer; ${copies} are needed, one for each copy.`,
    );
  }
  return {
    chosen: answering.map((provider) => ({
      provider,
      dataSetId: sets.find(({ providerId }) => providerId === provider.id)?.dataSetId,
    })),
    spares: candidates.filter((provider) => !answering.includes(provider)),
  };
}
