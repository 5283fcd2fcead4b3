import { z } from 'zod';

export const HandlerView = z
  .object({
    name: z.string(),
    queue: z.string().meta({ description: 'Where its tasks go when the submitter names no queue.' }),
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional().meta({ description: 'JSON Schema.' }),
    retry: z.record(z.string(), z.unknown()).optional(),
    priority: z.int().optional(),
    soft_time_limit: z.number().optional(),
    time_limit: z.number().optional(),
    requires: z
      .record(z.string(), z.string())
      .optional()
      .meta({ description: 'Labels that a worker must have to run it.' }),
  })
  .meta({ id: 'Handler' });

export const HandlerList = z.object({ items: z.array(HandlerView) }).meta({ id: 'HandlerList' });
export type HandlerList = z.infer<typeof HandlerList>;

export const handlerListExample: HandlerList = {
  items: [
    {
      name: 'calculate_factorial',
      queue: 'default',
      description: 'The factorial of a number, exactly',
      parameters: {
        type: 'object',
        properties: { number: { type: 'integer', minimum: 0 } },
        required: ['number'],
      },
    },
  ],
};
