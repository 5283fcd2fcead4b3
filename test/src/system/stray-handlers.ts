import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { TaskHandler } from '@millrace/worker';
import type { TaskContext } from '@millrace/worker';

/** The queue of these handlers. */
export const STRAY_QUEUE = 'stray';

/** Handlers of which something goes on, and fails, where nobody waits for it. */
@Injectable()
export class StrayHandlers {
  /** What the others may disturb: runs until the file that it is given is gone. */
  @TaskHandler({ name: 'steady', queue: STRAY_QUEUE })
  async steady({ params, attempt, checkpoint }: TaskContext): Promise<{ attempt: number }> {
    await checkpoint({ attempt });
    while (existsSync((params as { until_gone: string }).until_gone)) await sleep(20);
    return { attempt };
  }

  @TaskHandler({ name: 'forgets_a_promise', queue: STRAY_QUEUE })
  forgetsAPromise(): string {
    void sleep(20).then(() => {
      throw new Error('nobody waits for this');
    });
    return 'early';
  }

  /** Once: it would end the next worker too. */
  @TaskHandler({ name: 'throws_aside', queue: STRAY_QUEUE })
  async throwsAside({ attempt, signal }: TaskContext): Promise<string> {
    if (attempt > 1) return 'the second time';
    setTimeout(() => {
      throw new Error('nobody can catch this');
    }, 20);
    await once(signal, 'abort');
    return 'never';
  }
}

@Module({ providers: [StrayHandlers] })
export default class StrayHandlersModule {}
