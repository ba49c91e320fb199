export { withAnchoredProof } from './anchored-proof.js';
export type { JobLogger, JobReport, RunJobDeps } from './deps.js';
export { runJob } from './run-job.js';
export { settleMessage } from './settle-message.js';
export { workerAccount } from './worker-account.js';
