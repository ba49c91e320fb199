export { settleJob } from './settle-job.js';
export type { JobRecords, SettleJobDeps } from './settle-deps.js';
