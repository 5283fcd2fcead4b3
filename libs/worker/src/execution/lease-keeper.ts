import type { TaskLog } from '@millrace/log';
import type { Holding } from './attempt.js';
import type { Execution, Executor } from './executor.js';

/** A doubt lasts at least so long: another worker asks twice, with a pause in between, before it takes over. */
const DOUBT_AT_LEAST_MS = 10_000;

/**
 * Keeps the tickets in hand by in-progress acknowledgements, at a third of the lease.
 *
 * After a freeze or a reconnect the lease may have run out, and another worker may have taken over. In-progress acknowledgements go by
 * sequence, as all others do: those of an attempt that does not know it was overtaken would keep the ticket of its successor, should that
 * one die, for as long as its own handler runs. So for a while the log is asked before a lease is kept.
 */
export class LeaseKeeper {
  readonly #doubtMs: number;
  #keptAt = performance.now();
  #doubtedAt = -Infinity;

  constructor(
    private readonly log: TaskLog,
    private readonly executor: Executor,
    private readonly leaseMs: number,
  ) {
    this.#doubtMs = Math.max(DOUBT_AT_LEAST_MS, leaseMs);
  }

  /** To be called more often than a third of the lease. */
  beat(now: number, holdings: ReadonlyMap<number, Holding>, executions: Iterable<Execution>): void {
    const silentMs = now - this.#keptAt;
    if (silentMs < this.leaseMs / 3 || !this.log.connected) return;
    this.#keptAt = now;
    if (silentMs >= this.leaseMs / 2) this.#doubtedAt = now;
    const inDoubt = now - this.#doubtedAt < this.#doubtMs || this.log.connectedForMs < this.#doubtMs;
    const doubted = new Set<Holding>();
    if (inDoubt)
      for (const { attempt } of executions) {
        doubted.add(attempt.holding);
        void this.#keepIfHeld(attempt, holdings);
      }
    for (const holding of holdings.values()) if (!doubted.has(holding)) holding.ticket.extend();
  }

  async #keepIfHeld(attempt: Execution['attempt'], holdings: ReadonlyMap<number, Holding>): Promise<void> {
    // Without an answer the ticket is left to the server: whoever is handed it will ask us.
    if (!(await this.executor.holds(attempt).catch(() => false))) return;
    const { ticket } = attempt.holding;
    if (holdings.get(ticket.sequence) === attempt.holding) ticket.extend();
  }
}
