import type { Logger } from '@millrace/runtime';
import type { Execution } from './executor.js';

/** Attempts named in one line. */
const NAMED = 10;

/**
 * Names the handlers that kept the event loop from turning for so long that the leases of all tickets in hand ran out, or nearly did: one
 * of them computes without a pause, and belongs in a process of its own. (A machine that slept looks the same.)
 */
export class BlockedLoopWatch {
  #beatAt = performance.now();

  constructor(
    private readonly leaseMs: number,
    private readonly logger: Logger,
  ) {}

  /** To be called more often than a third of the lease. */
  beat(now: number, executions: Iterable<Execution>): void {
    const blockedMs = now - this.#beatAt;
    this.#beatAt = now;
    if (blockedMs < this.leaseMs / 2) return;
    const suspects = [...executions].filter(({ isIsolated }) => !isIsolated).slice(0, NAMED);
    this.logger.error(
      {
        blocked_seconds: Math.round(blockedMs / 1000),
        lease_seconds: this.leaseMs / 1000,
        handlers: [...new Set(suspects.map(({ attempt }) => attempt.state.spec.name))],
        task_ids: suspects.map(({ attempt }) => attempt.state.id),
      },
      blockedMs < this.leaseMs
        ? 'A handler blocked the event loop for most of a lease; run it with isolation: process'
        : 'A handler blocked the event loop for longer than the lease: tasks may have been taken over; run it with isolation: process',
    );
  }
}
