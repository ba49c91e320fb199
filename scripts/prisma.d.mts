/** Runs one Prisma command and throws with what it printed if it fails. */
export function prisma(args: string[], options?: { databaseUrl?: string; stdio?: 'inherit' | 'pipe' }): void;
/** Writes the Prisma client, as set-up needs it before the first build. */
export function generateClient(): void;
/** Creates the database if absent and applies the migrations that it lacks. Safe to call again, and from two processes. */
export function deployDatabase(databaseUrl: string): void;
