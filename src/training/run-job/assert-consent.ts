import { WeighbridgeError } from '../../kernel/index.js';
import type { Job } from '../job.js';
import type { RunJobDeps } from './deps.js';

/**
 * The seller may have revoked since the last step. Nothing further is done then, and nothing that was trained meanwhile leaves:
 * the job ends with a logged refusal and the money back.
 * @throws WeighbridgeError DATASET_REVOKED, LICENCE_EXPIRED with `details.reason`, CHAIN_UNAVAILABLE (retryable)
 */
export async function assertConsent({ chain }: Pick<RunJobDeps, 'chain'>, { keyId, licenceId }: Job): Promise<void> {
  const [dataset, licence] = await Promise.all([chain.isRevoked(keyId), chain.isLicenceRevoked(keyId, licenceId)]);
  if (dataset) {
    throw new WeighbridgeError('DATASET_REVOKED', `the seller revoked dataset ${keyId}`, {
      next: 'Choose another dataset, or ask the seller for a new version.',
      details: { reason: 'dataset-revoked' },
    });
  }
  if (licence) {
    throw new WeighbridgeError('LICENCE_EXPIRED', `the seller revoked licence ${licenceId}`, {
      next: 'Ask the seller, or accept the terms again.',
      details: { reason: 'licence-revoked' },
    });
  }
}
