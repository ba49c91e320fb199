import { isWeighbridgeError, WeighbridgeError } from '../../kernel/index.js';
import type { CopyState, VerifiedProof } from '../../storage/index.js';
import type { Cli } from '../cli.js';
import type { StorageReader } from '../ports.js';
import { Reported } from '../ui/reported.js';
import { table } from '../ui/table.js';

interface AuditedCopy {
  copy: CopyState;
  proof: VerifiedProof | undefined;
  problem: WeighbridgeError | undefined;
}

/** Verifies the last proof of each copy anew. A proof that does not hold is shown, and the command fails. */
export async function auditProofs(cli: Cli, id: string): Promise<void> {
  const [network, api] = await Promise.all([cli.network(), cli.api()]);
  const dataset = await api.dataset(id);
  const storage = await cli.adapters.storageNetwork(network);
  const audited: AuditedCopy[] = [];
  const pieceCids = dataset.manifest.pieces.map(({ pieceCid }) => pieceCid);
  for (const copy of await storage.copiesOf(dataset.seller, dataset.datasetId, pieceCids)) {
    audited.push(await auditCopy(storage, copy));
  }
  const copies = audited.map(({ copy: { providerId, dataSetId }, proof, problem }) => ({
    providerId,
    dataSetId,
    holds: proof !== undefined,
    proof: proof ?? null,
    problem: problem?.message ?? null,
  }));
  cli.ui.result({ dataset: dataset.id, copies }, () => lines(audited));
  const [first] = audited.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  if (first !== undefined) throw new Reported(first);
  if (audited.length === 0) throw new Reported(noCopy(dataset.id));
}

async function auditCopy(storage: StorageReader, copy: CopyState): Promise<AuditedCopy> {
  try {
    return { copy, proof: await storage.verifyLastProof(copy.dataSetId), problem: undefined };
  } catch (error) {
    if (!isWeighbridgeError(error) || error.retryable) throw error;
    return { copy, proof: undefined, problem: error };
  }
}

function lines(audited: AuditedCopy[]): string[] {
  return table([
    ['provider', 'data set', 'proven at', 'leaves', 'verdict'],
    ...audited.map(({ copy, proof, problem }) => [
      String(copy.providerId),
      String(copy.dataSetId),
      proof === undefined ? '' : `epoch ${proof.epoch}, ${proof.transaction}`,
      proof === undefined ? '' : String(proof.challenges.length),
      proof === undefined ? (problem?.message ?? '') : `holds; challenges ${proof.randomness}`,
    ]),
  ]);
}

function noCopy(dataset: string): WeighbridgeError {
  return new WeighbridgeError('PROOF_INVALID', `the chain knows of no copy of ${dataset}`, {
    next: 'Do not buy it; tell the seller.',
  });
}
