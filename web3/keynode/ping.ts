import { z } from 'zod';
import { nodeUrl } from '../lit/node-url.js';
import type { Member } from './staking.js';

/** What a key node answers at `/healthz`. */
export const healthSchema = z.object({ status: z.literal('ok'), address: z.string(), index: z.number().int() });

/** True if the node answers in time, and as this member: something else on its port is not it. */
export async function ping(member: Member, timeoutMs = 1_000): Promise<boolean> {
  const response = await fetch(`${nodeUrl(member)}/healthz`, { signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) return false;
  const health = healthSchema.safeParse(await response.json());
  return health.success && health.data.address.toLowerCase() === member.address.toLowerCase();
}
