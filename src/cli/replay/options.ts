export interface ReplayOptions {
  workerSeedFile: string;
  shardSecretFile?: string;
}
