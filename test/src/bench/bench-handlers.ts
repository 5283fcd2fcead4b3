import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { TaskHandler } from '@millrace/worker';

/** Each measurement has a queue of its own, so that none sees the tickets of another. */
export const QUEUES = {
  submits: 'bench_submits',
  drain: 'bench_drain',
  lanes: 'bench_lanes',
  million: 'bench_million',
  endToEnd: 'bench_end_to_end',
  latency: 'bench_latency',
  isolated: 'bench_isolated',
  cancel: 'bench_cancel',
  unlimited: 'bench_unlimited',
  limited: 'bench_limited',
  held: 'bench_held',
  reorder: 'bench_reorder',
  streams: 'bench_streams',
} as const;

@Injectable()
export class BenchHandlers {
  /** Does nothing but tell when it began, in milliseconds since the epoch with fractions. */
  @TaskHandler({ name: 'noop', queue: QUEUES.submits })
  noop(): Promise<{ started: number }> {
    return Promise.resolve({ started: performance.timeOrigin + performance.now() });
  }

  /** The same in a child process. */
  @TaskHandler({ name: 'isolated_noop', queue: QUEUES.isolated, isolation: 'process' })
  isolatedNoop(): Promise<void> {
    return Promise.resolve();
  }

  /** Keeps a slot busy for a while without using the processor. */
  @TaskHandler({ name: 'ten_milliseconds', queue: QUEUES.latency })
  async tenMilliseconds(): Promise<void> {
    await sleep(10);
  }
}

@Module({ providers: [BenchHandlers] })
export default class BenchHandlersModule {}
