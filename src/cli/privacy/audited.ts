import type { Bytes32 } from '../../kernel/index.js';
import type { Loss } from '../../privacy/index.js';
import type { LoggedRun } from './logged-ledger.js';

/** One shard: what the log makes of it, and what the marketplace says. Epsilons are at the terms' delta. */
export interface AuditedShard {
  shardId: string;
  pieceCid: string;
  spentEpsilon: number | null;
  saidEpsilon: number | null;
  /** Rényi loss in billionths, from the log. */
  spent: Loss;
}

export interface PrivacyAudit {
  ok: boolean;
  keyId: Bytes32;
  trust: string;
  logSize: number;
  /** Whether the chain was asked which runs could reach their key. */
  online: boolean;
  budget: { epsilon: number; delta: number } | null;
  runs: LoggedRun[];
  shards: AuditedShard[];
  differences: string[];
}
