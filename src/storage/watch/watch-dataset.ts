import { randomInt } from 'node:crypto';
import { COPIES, type CopyState, type RepairPermit } from '../copies.js';
import type { StoredCopy } from './storage.repository.js';
import { judgeCopy, type Judgement } from './judge-copy.js';
import { recordFault, recordRepair } from './record-storage.js';
import type { WatchDeps, WatchedDataset } from './ports.js';

/** A piece that is read whole to see what it is; larger ones are left to the proofs of possession. */
const SAMPLE_BYTES = 64 << 20;

interface Looked {
  copy: CopyState;
  judgement: Judgement;
}

/**
 * Looks at every copy of one dataset version, puts what is wrong on record, and sees to it that two copies are good. What it does
 * follows from the chain and the rows; run again after a kill at any point, it does what is missing.
 */
export async function watchDataset(deps: WatchDeps, dataset: WatchedDataset): Promise<void> {
  await deps.log.catchUp(dataset.keyId);
  const looked = await lookAtCopies(deps, dataset);
  const good = looked.filter(({ judgement }) => !judgement.lost && judgement.silent === 0);
  const lost = looked.filter(({ judgement }) => judgement.lost);
  if (looked.length - lost.length >= COPIES) return;
  // Its seller may be delisting it, one copy after the other: a new one would be stored, and paid for, by nobody's wish.
  if (await deps.isRevoked(dataset.keyId)) return deps.storage.forgetPermits(dataset.keyId);
  if (good.length === 0) return;
  if (await repair(deps, dataset, looked, good)) await lookAtCopies(deps, dataset);
}

async function lookAtCopies(deps: WatchDeps, dataset: WatchedDataset): Promise<Looked[]> {
  const { keyId, datasetId, seller, pieces } = dataset;
  const [copies, rows] = await Promise.all([
    deps.chain.copiesOf(
      seller,
      datasetId,
      pieces.map(({ pieceCid }) => pieceCid),
    ),
    deps.storage.copiesOf(keyId),
  ]);
  const looked: Looked[] = [];
  for (const copy of copies) {
    const row = rows.find(({ dataSetId }) => dataSetId === copy.dataSetId);
    const judgement = await look(deps, dataset, copy, row);
    const stored = rowOf(dataset, copy, judgement, row, deps.now());
    const replaced = row === undefined ? replacedBy(rows, copies) : undefined;
    if (replaced !== undefined) await recordRepair(deps, dataset, stored, replaced);
    else if (judgement.fault !== null && judgement.fault !== (row?.fault ?? null))
      await recordFault(deps, dataset, stored, copy);
    else await deps.storage.saveCopy(stored);
    looked.push({ copy, judgement });
  }
  const gone = rows.filter(({ dataSetId }) => !copies.some((copy) => copy.dataSetId === dataSetId));
  await noteEnded(deps, dataset, gone);
  return looked;
}

/** Copies that the seller ended, by delisting: no faults any more, but something of the deposit is held until each was settled. */
async function noteEnded(deps: WatchDeps, { datasetId, seller }: WatchedDataset, gone: StoredCopy[]): Promise<void> {
  const open = gone.filter(({ heldWei }) => heldWei !== 0n);
  if (open.length === 0) return;
  const ended = await deps.chain.endedCopiesOf(seller, datasetId);
  for (const row of open) {
    const end = ended.find(({ dataSetId }) => dataSetId === row.dataSetId);
    if (end === undefined) continue;
    const checkedAt = deps.now();
    const left = { endsAt: end.endsAt ?? checkedAt, heldWei: end.settled ? 0n : end.heldWei };
    await deps.storage.saveCopy({ ...row, ...left, fault: null, silent: 0, paidUntil: left.endsAt, checkedAt });
  }
}

async function look(deps: WatchDeps, dataset: WatchedDataset, copy: CopyState, row: StoredCopy | undefined) {
  const { pieces } = dataset;
  const presence = await deps.chain.presence(
    copy,
    pieces.map(({ pieceCid }) => pieceCid),
  );
  const small = pieces.filter(({ sizeBytes }) => sizeBytes <= SAMPLE_BYTES);
  const piece = presence === 'held' && small.length > 0 ? small[randomInt(small.length)] : undefined;
  const sample = piece === undefined ? 'good' : await deps.chain.sample(copy, piece.pieceCid);
  // What was missed before anybody looked is a fault of this look.
  const before = row ?? { silent: 0, faultPeriods: 0, fault: null };
  return judgeCopy({ state: copy, presence, sample, before });
}

/** A copy that no row knows of, while one that has a fault was not replaced yet: it was made in its place. */
function replacedBy(rows: StoredCopy[], copies: CopyState[]): StoredCopy | undefined {
  const known = copies.filter(({ dataSetId }) => rows.some((row) => row.dataSetId === dataSetId));
  return rows.find(
    (row) =>
      row.fault !== null && row.replacedBy === null && known.some(({ dataSetId }) => dataSetId === row.dataSetId),
  );
}

/** @returns whether a copy was made */
async function repair(deps: WatchDeps, dataset: WatchedDataset, looked: Looked[], good: Looked[]): Promise<boolean> {
  const { keyId, seller } = dataset;
  const taken = new Set(looked.map(({ copy }) => copy.providerId));
  const permits = (await deps.storage.permitsOf(keyId, seller, deps.now())).filter(
    ({ providerId }) => !taken.has(providerId),
  );
  const sources = good.map(({ copy }) => copy.serviceUrl);
  for (const permit of permits) {
    if (await makeCopy(deps, permit, sources)) return true;
  }
  await deps.storage.notify({
    id: `no-repair/${keyId}/${good.map(({ copy }) => copy.dataSetId).join('+')}`,
    seller,
    keyId,
    kind: 'copy-not-repaired',
    message:
      permits.length === 0
        ? 'One copy is left, and no permit to make another: run "weighbridge storage permit" with the key that published it.'
        : 'One copy is left, and no provider has made another yet; it is tried again.',
    at: deps.now(),
  });
  return false;
}

async function makeCopy(deps: WatchDeps, permit: RepairPermit, sources: string[]): Promise<boolean> {
  try {
    await deps.chain.repair(permit, sources);
    return true;
  } catch (error) {
    deps.onFault(error, `copy at provider ${permit.providerId}`);
    return false;
  }
}

function rowOf(
  { keyId }: WatchedDataset,
  copy: CopyState,
  { fault, silent, faultPeriods }: Judgement,
  row: StoredCopy | undefined,
  checkedAt: Date,
): StoredCopy {
  const { dataSetId, providerId, provider, serviceUrl, lastProvenEpoch, lastProvenAt, paidUntil } = copy;
  const seen = { lastProvenEpoch, lastProvenAt, paidUntil, checkedAt };
  const replaced = row?.replacedBy ?? null;
  return {
    keyId,
    dataSetId,
    providerId,
    provider,
    serviceUrl,
    fault,
    silent,
    faultPeriods,
    replacedBy: replaced,
    endsAt: null,
    heldWei: null,
    ...seen,
  };
}
