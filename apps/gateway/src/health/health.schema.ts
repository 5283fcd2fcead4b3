import { z } from 'zod';

export const Liveness = z.object({ status: z.literal('ok') }).meta({ id: 'Liveness' });
export type Liveness = z.infer<typeof Liveness>;

export const Readiness = z
  .object({
    status: z.enum(['ok', 'degraded', 'unavailable']).meta({
      description:
        'degraded: Postgres is away, lists answer 503, all else goes on. unavailable: the log is away.',
    }),
    log: z.object({
      status: z.enum(['up', 'away']),
      store_usage: z.number().meta({ description: 'From 0 to 1; submissions are refused from 0.8 on.' }),
    }),
    postgres: z.object({ status: z.enum(['up', 'away']) }),
  })
  .meta({ id: 'Readiness' });
export type Readiness = z.infer<typeof Readiness>;

export const readinessExample: Readiness = {
  status: 'ok',
  log: { status: 'up', store_usage: 0.07 },
  postgres: { status: 'up' },
};
