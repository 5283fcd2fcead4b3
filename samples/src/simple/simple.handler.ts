import { setTimeout } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { TaskHandler } from '@millrace/worker';
import type { TaskContext } from '@millrace/worker';
import { z } from 'zod';

const SECOND_MS = 1000;

const SimpleParams = z.strictObject({
  message: z.string().max(1000).describe('What to say'),
  count: z.int().min(1).max(100).default(1).describe('How often to say it, once a second'),
});
type SimpleParams = z.output<typeof SimpleParams>;

@Injectable()
export class SimpleHandler {
  @TaskHandler({
    name: 'my_simple_task',
    queue: 'default',
    params: SimpleParams,
    description: 'Says a message once a second. Good for watching progress and for trying to cancel.',
    softTimeLimit: 290,
    timeLimit: 300,
  })
  async run({ params: { message, count }, signal, progress }: TaskContext<SimpleParams>) {
    const results: string[] = [];
    for (let current = 1; current <= count; current++) {
      // The signal ends the wait at once; the check covers the moments in between.
      signal.throwIfAborted();
      await setTimeout(SECOND_MS, undefined, { signal });
      results.push(`${message} - iteration ${current}`);
      progress({
        current,
        total: count,
        percent: (current / count) * 100,
        step: `iteration ${current} of ${count}`,
      });
    }
    return { message, count, results };
  }
}
