/** Histories in the formats of others, pure. */
export { historyOf, type History, type RecordedEntry } from './history.js';
export { toOpenLineage, type DatasetEvent, type RunEvent } from './openlineage.js';
export { toProv, type ProvDocument } from './prov.js';
export { toSlsa } from './slsa.js';
