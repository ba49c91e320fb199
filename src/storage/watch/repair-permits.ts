import { z } from 'zod';
import { addressSchema, hexText } from '../../kernel/index.js';

const MAX_PERMITS = 16;
const MAX_CALLS = 100;
const PIECES_PER_CALL = 40;

/** Permits as they come over the API; see `RepairPermit`. */
export const repairPermitsSchema = z
  .array(
    z.strictObject({
      providerId: z.number().int().positive(),
      payer: addressSchema,
      clientDataSetId: z.string().regex(/^\d{1,78}$/),
      calls: z
        .array(
          z.strictObject({
            pieceCids: z.array(z.string().min(1).max(120)).min(1).max(PIECES_PER_CALL),
            extraData: hexText(/^0x([0-9a-f]{2})+$/, '0x and whole bytes in lower-case hex', 100_000),
          }),
        )
        .min(1)
        .max(MAX_CALLS),
      validUntil: z.iso.datetime(),
    }),
  )
  .min(1)
  .max(MAX_PERMITS);
