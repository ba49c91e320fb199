/** What a buyer's side and a replay need of training: pure, without database or queue. A second door beside `index.ts`. */
export { tokenizersOf } from './declaration/features.js';
export { checkFit, readTokenizer } from './fit.js';
export { MAX_ROWS_BYTES, roomOf } from './fit-rows.js';
export { shapesOf, weigh } from './gate.js';
export { isFinal, JOB_STATES, type JobState } from './job-state.js';
export { heldOutOf, piecesRead, type BoughtMetric } from './metric.js';
export { noiseOfMeans, scaledInstead, standardisedColumns } from './moments.js';
export {
  checkBudgetLeft,
  checkPrivacyTerms,
  epsilonOfRun,
  samplingOf,
  singleNoise,
  withPrivacy,
  type WantedPrivacy,
} from './private-run.js';
export {
  declarationSchema,
  featureChoiceSchema,
  type FeatureChoice,
  type ModelDeclaration,
} from './model-declaration.js';
export {
  buildRecipe,
  RECIPE_NAMES,
  type BuiltModel,
  type RecipeName,
  type RecipeOptions,
} from './recipes/build-recipe.js';
export { completeTemplate, type JobChoices } from './wbm/complete.js';
export { readModelFile, writeModelFile, type ModelFile, type ModelTemplate } from './wbm/model-file.js';
export { countedPieces } from './run-job/fetch-progress.js';
export { privacySeed, seedCommitmentOf, workerAccount } from './run-job/worker-account.js';
export type { TrainInput, Trainer } from './ports.js';
export { describeModel, type ModelDescription } from './wbm/describe.js';
