import { z } from 'zod';
import { TaskStatusName } from '../tasks/submit-task.schema.js';

const count = z.int();

export const PastQueue = z
  .object({
    name: z.string(),
    at: z.string().meta({
      format: 'date-time',
      description:
        'The moment that was asked for; earlier, by less than the shortest span of metrics that is kept of then, where more than 50,000 facts lie between.',
    }),
    by_status: z.record(TaskStatusName, count),
    held: count.meta({ description: 'Tasks that waited for a slot or a signal.' }),
    total_tasks: z
      .object({ active: count, pending: count, scheduled: count })
      .meta({ description: 'active: running. pending: waiting for a turn, a slot or a signal.' }),
  })
  .meta({ id: 'PastQueue', description: 'A queue as it was.' });
export type PastQueue = z.infer<typeof PastQueue>;

export const PastQueueList = z.object({ items: z.array(PastQueue) }).meta({ id: 'PastQueueList' });
export type PastQueueList = z.infer<typeof PastQueueList>;
