export function makeSmugglingTrainer(directory: string): Promise<string>;
