export { isFinal, JOB_STATES, type JobState } from './job-state.js';
export type { Job, JobFacts, JobPatch, NewJob } from './job.js';
export { JobRepository } from './job.repository.js';
export type { ModelDeclaration } from './model-declaration.js';
export type { Trainer, TrainInput, TrainOutput } from './ports.js';
export * from './run-job/index.js';
export { checkpointFiles, type CheckpointStore } from './checkpoints/checkpoint-files.js';
export { JobQueries } from './job.queries.js';
export { TrainingModule } from './training.module.js';
export { TrainingResolver } from './training.resolver.js';
export { runMessage } from './run-message.js';
export { checkFit, MAX_GRAPH_BYTES, MAX_WEIGHTS_BYTES } from './fit.js';
export { MAX_ROWS_BYTES, roomOf } from './fit-rows.js';
export { columnsRead } from './columns-read.js';
export { heldOutOf, type BoughtMetric } from './metric.js';
export { momentsOf } from './moments.js';
export { shapesOf, weigh, weighedBytes, type Expected, type GateRule, type Weighed } from './gate.js';
export { totalSteps } from './declaration/optimisers.js';
export { declarationSchema } from './model-declaration.js';
export {
  buildRecipe,
  RECIPE_NAMES,
  type BuiltModel,
  type RecipeName,
  type RecipeOptions,
} from './recipes/build-recipe.js';
export { noteWaiting } from './note-waiting.js';
