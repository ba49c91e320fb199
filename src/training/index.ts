export { isFinal, JOB_STATES, type JobState } from './job-state.js';
export type { Job, JobFacts, JobPatch, NewJob } from './job.js';
export { JobRepository } from './job.repository.js';
export type { ModelDeclaration } from './model-declaration.js';
export type { Trainer, TrainInput, TrainOutput } from './ports.js';
export * from './run-job/index.js';
