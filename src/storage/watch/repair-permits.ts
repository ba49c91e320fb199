import { z } from 'zod';
import type { Address, Hex } from '../../kernel/index.js';

const MAX_PERMITS = 16;
const MAX_CALLS = 100;
const PIECES_PER_CALL = 40;

/** Permits as they come over the API; see `RepairPermit`. */
export const repairPermitsSchema = z
  .array(
    z.strictObject({
      providerId: z.number().int().positive(),
      payer: z
        .string()
        .regex(/^0x[0-9a-fA-F]{40}$/)
        .transform((s) => s as Address),
      clientDataSetId: z.string().regex(/^\d{1,78}$/),
      calls: z
        .array(
          z.strictObject({
            pieceCids: z.array(z.string().min(1).max(120)).min(1).max(PIECES_PER_CALL),
            extraData: z
              .string()
              .regex(/^0x([0-9a-f]{2})+$/)
              .max(100_000)
              .transform((s) => s as Hex),
          }),
        )
        .min(1)
        .max(MAX_CALLS),
      validUntil: z.iso.datetime(),
    }),
  )
  .min(1)
  .max(MAX_PERMITS);
