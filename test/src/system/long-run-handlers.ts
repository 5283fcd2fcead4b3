import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { TaskHandler } from '@millrace/worker';
import type { TaskContext } from '@millrace/worker';

/** What a long run of the tests does. */
export interface CountChunks {
  chunks: number;
  /** Milliseconds for each. */
  ms: number;
  /** Goes on when its signal aborts, and saves nothing. */
  deaf?: boolean;
}

/** Runs that last: they save where they are, wait for signals, record steps. */
@Injectable()
export class LongRunHandlers {
  /** Does chunk after chunk, and saves the number of the next one when it is told to stop. */
  @TaskHandler({ name: 'count_chunks', queue: 'long' })
  async countChunks(task: TaskContext): Promise<{ from: number; to: number; attempt: number }> {
    const { chunks, ms, deaf = false } = task.params as CountChunks;
    const from = (task.resumedFrom as { next: number } | undefined)?.next ?? 0;
    task.progress({ current: from, total: chunks });
    for (let next = from; next < chunks; next++) {
      if (task.signal.aborted && !deaf) {
        await task.checkpoint({ next });
        throw task.signal.reason as Error;
      }
      await sleep(ms);
    }
    return { from, to: chunks, attempt: task.attempt };
  }

  /** Frees its slot for a while. */
  @TaskHandler({ name: 'sleep_soundly', queue: 'long' })
  async sleepSoundly(task: TaskContext): Promise<{ attempt: number }> {
    await task.sleep((task.params as { seconds: number }).seconds);
    return { attempt: task.attempt };
  }

  /** Waits for somebody's consent. */
  @TaskHandler({ name: 'ask_for_approval', queue: 'long' })
  async askForApproval(task: TaskContext): Promise<unknown> {
    return { approved: await task.waitForSignal('approved'), attempt: task.attempt };
  }

  /** Two steps with a checkpoint between them; the second one looks at the parameters. */
  @TaskHandler({ name: 'probe_and_encode', queue: 'long' })
  async probeAndEncode(task: TaskContext): Promise<unknown> {
    const { codec } = task.params as { codec: string };
    const probed = await task.step('probe', () => ({ frames: 24, by: task.taskId }));
    if (task.resumedFrom === undefined) await task.checkpoint({ probed });
    const encoded = await task.step('encode', () => `${codec} of ${probed.frames} frames`);
    return { probed, encoded };
  }
}

@Module({ providers: [LongRunHandlers] })
export default class LongRunHandlersModule {}
