export { settleJob, type JobRecords, type SettleJobDeps } from './settle-job.js';
