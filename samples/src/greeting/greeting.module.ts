import { setTimeout } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { TaskHandler, UnrecoverableError } from '@millrace/worker';
import type { TaskContext } from '@millrace/worker';
import { z } from 'zod';

const GreetParams = z.object({
  names: z.array(z.string()).min(1).max(100),
  failures: z.int().min(0).default(0).describe('Attempts that fail, to see what happens then'),
});
type GreetParams = z.output<typeof GreetParams>;

@Injectable()
export class GreetingHandler {
  @TaskHandler({
    name: 'greet',
    params: GreetParams,
    description: 'Greets people, one a second.',
    retry: { max_retries: 2, delay_seconds: 2 },
  })
  async greet({ params, attempt, signal, log, progress }: TaskContext<GreetParams>) {
    if (params.names.includes('')) throw new UnrecoverableError('Nobody has an empty name.');
    if (attempt <= params.failures) throw new Error(`Attempt ${attempt} was told to fail.`);

    const greetings: string[] = [];
    for (const [index, name] of params.names.entries()) {
      await setTimeout(1000, undefined, { signal });
      greetings.push(`Hello ${name}!`);
      log.info({ name }, 'Greeted');
      progress({ current: index + 1, total: params.names.length, step: name });
    }
    return { greetings };
  }
}

@Module({ providers: [GreetingHandler] })
export default class GreetingModule {}
