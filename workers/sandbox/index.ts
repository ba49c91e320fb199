export { gpusOfHost, type GpuChoice } from './find-gpus.js';
export { DEFAULT_LIMITS, type SandboxLimits } from './limits.js';
export { createSandboxTrainer, type SandboxTrainerOptions } from './sandbox-trainer.js';
