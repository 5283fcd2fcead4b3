import { z } from 'zod';
import { Background, OperationId } from '../operations/operations.schema.js';

export const PurgeQueue = z.strictObject({ background: Background }).default({ background: false });
export type PurgeQueue = z.infer<typeof PurgeQueue>;

export const PurgedQueue = z
  .object({
    success: z.boolean().meta({ description: 'Whether all that waited is cancelled.' }),
    message: z.string(),
    affected: z.int().meta({ description: 'Tasks that were cancelled.' }),
    operation_id: OperationId,
  })
  .meta({ id: 'PurgedQueue' });
export type PurgedQueue = z.infer<typeof PurgedQueue>;

export const purged: PurgedQueue = {
  success: true,
  message: '250 waiting tasks were cancelled; that can be undone until 2026-03-01T10:31:04.000Z.',
  affected: 250,
  operation_id: '019f3c25-90d1-7a44-b5f2-0a4c1c0f6d33',
};
