import type { Transaction } from '../../platform/index.js';
import { marketOf } from '../../platform/index.js';
import {
  copyRepairedRecord,
  fixRecord,
  possessionFaultRecord,
  sealRecord,
  type FaultKind,
  type Position,
  type UnsignedRecord,
} from '../../provenance/index.js';
import type { CopyState } from '../copies.js';
import type { NewNotice, StoredCopy } from './storage.repository.js';
import type { WatchDeps, WatchedDataset } from './ports.js';

const WORDS: Record<FaultKind, string> = {
  'missed-proof': 'has missed a proof of possession',
  'piece-missing': 'no longer has all of the pieces',
  'piece-corrupt': 'holds a piece that was changed',
  unreachable: 'does not answer',
};

/** Puts a fault on record: the record, the row that remembers it, and the seller's notice are one transaction. */
export async function recordFault(
  deps: WatchDeps,
  dataset: WatchedDataset,
  row: StoredCopy,
  copy: CopyState,
): Promise<void> {
  const { keyId, seller } = dataset;
  const { providerId, provider, dataSetId } = copy;
  const kind = row.fault as FaultKind;
  const observedAt = deps.now();
  const facts = { keyId, providerId, provider, dataSetId, kind, epoch: Number(copy.epoch), observedAt };
  const notice: NewNotice = {
    id: `fault/${keyId}/${dataSetId}/${kind}/${copy.epoch}`,
    seller,
    keyId,
    kind: 'possession-fault',
    message: `Storage provider ${providerId} ${WORDS[kind]}. Buyers read the other copy; a new one is made.`,
    at: observedAt,
  };
  await record(deps, dataset, row, notice, (position) =>
    possessionFaultRecord(marketOf(deps.network), { ...facts, periods: row.faultPeriods, position }),
  );
}

/** Puts on record that a copy took another one's place. */
export async function recordRepair(
  deps: WatchDeps,
  dataset: WatchedDataset,
  row: StoredCopy,
  replaced: StoredCopy,
): Promise<void> {
  const { keyId, seller, pieces } = dataset;
  const { providerId, dataSetId } = row;
  const repairedAt = deps.now();
  const notice: NewNotice = {
    id: `repair/${keyId}/${dataSetId}`,
    seller,
    keyId,
    kind: 'copy-repaired',
    message: `Storage provider ${providerId} holds a new copy in the place of provider ${replaced.providerId}'s.`,
    at: repairedAt,
  };
  const facts = { keyId, replacedDataSetId: replaced.dataSetId, providerId, dataSetId, pieces: pieces.length };
  await record(
    deps,
    dataset,
    row,
    notice,
    (position) => copyRepairedRecord(marketOf(deps.network), { ...facts, position, repairedAt }),
    async (tx) => deps.storage.markReplaced(tx, keyId, replaced.dataSetId, dataSetId),
  );
}

async function record(
  deps: WatchDeps,
  { keyId }: WatchedDataset,
  row: StoredCopy,
  notice: NewNotice,
  build: (position: Position) => UnsignedRecord,
  also: (tx: Transaction) => Promise<void> = async () => undefined,
): Promise<void> {
  const { prisma, storage, recorder, log } = deps;
  const entry = await prisma
    .$transaction(async (tx) => {
      const fixed = await fixRecord(tx, keyId, async (position) => {
        // The dataset's writers wait for one another here: another worker may have been faster.
        if (await storage.isNoted(tx, row)) throw new AlreadyNoted();
        return sealRecord({ ...build(position), signer: recorder });
      });
      await storage.saveCopy(row, tx);
      await storage.notify(notice, tx);
      await also(tx);
      return fixed;
    })
    .catch((error: unknown) => {
      if (error instanceof AlreadyNoted) return undefined;
      throw error;
    });
  if (entry !== undefined) await log.append(entry);
}

class AlreadyNoted extends Error {}
