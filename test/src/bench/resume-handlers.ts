import { once } from 'node:events';
import { Injectable, Module } from '@nestjs/common';
import { TaskHandler } from '@millrace/worker';
import type { TaskContext } from '@millrace/worker';
import { quantiles } from './load.js';

/** Queues of handlers that record what they do; their workers set them up, with leases of their own. */
export const RECORDING_QUEUES = {
  resume: 'bench_resume',
  steps: 'bench_steps',
  hold: 'bench_hold',
} as const;

export const STEPS = { afterCheckpoint: 200, timed: 2_000 };

/** A result of 100 bytes as JSON. */
const RESULT = 'x'.repeat(98);

/** Milliseconds since the epoch, with fractions. */
export const clock = (): number => performance.timeOrigin + performance.now();

@Injectable()
export class ResumeHandlers {
  /** Saves a checkpoint, records steps in a second attempt, and tells in the third how long it took to be back. */
  @TaskHandler({ name: 'resume', queue: RECORDING_QUEUES.resume })
  async resume({ attempt, checkpoint, step, signal }: TaskContext) {
    const started = clock();
    if (attempt === 1) await checkpoint({ page: 1 });
    else for (let at = 1; at <= STEPS.afterCheckpoint; at++) await step(`page-${at}`, () => RESULT);
    if (attempt > 2) return { started, replayed: clock() };
    return untilAborted(signal);
  }

  @TaskHandler({ name: 'steps', queue: RECORDING_QUEUES.steps })
  async steps({ step }: TaskContext) {
    const took: number[] = [];
    for (let at = 1; at <= STEPS.timed; at++) {
      const begun = performance.now();
      await step(`page-${at}`, () => RESULT);
      took.push(performance.now() - begun);
    }
    return quantiles(took, 0.5, 0.95);
  }

  /** Says at once that it runs, and runs until it is told to stop. */
  @TaskHandler({ name: 'hold', queue: RECORDING_QUEUES.hold })
  async hold({ checkpoint, signal }: TaskContext) {
    await checkpoint({ started: clock() });
    return untilAborted(signal);
  }
}

async function untilAborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}

@Module({ providers: [ResumeHandlers] })
export default class ResumeHandlersModule {}
