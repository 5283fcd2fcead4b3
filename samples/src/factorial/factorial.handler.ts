import { Injectable } from '@nestjs/common';
import { TaskHandler } from '@millrace/worker';
import type { TaskContext } from '@millrace/worker';
import { z } from 'zod';
import { Turn } from '../event-loop/turn.js';
import { exactJson, factorials } from './factorial.js';

/** 10,000! has 35,660 digits. */
const MAX_NUMBER = 10_000;

const FactorialParams = z.strictObject({
  number: z.int().min(0).max(MAX_NUMBER).describe('The number whose factorial is wanted'),
});
type FactorialParams = z.output<typeof FactorialParams>;

@Injectable()
export class FactorialHandler {
  @TaskHandler({
    name: 'calculate_factorial',
    queue: 'default',
    params: FactorialParams,
    description: 'The exact factorial of a number; a string of digits past 2^53.',
    softTimeLimit: 50,
    timeLimit: 60,
  })
  async calculate({ params: { number }, signal, progress }: TaskContext<FactorialParams>) {
    const turn = new Turn(signal);
    let factorial = 1n;
    let current = 0;
    for (factorial of factorials(number)) {
      signal.throwIfAborted();
      current++;
      progress({ current, total: number, percent: (current / number) * 100, step: `${current}!` });
      await turn.pass();
    }
    return { number, factorial: exactJson(factorial) };
  }
}
