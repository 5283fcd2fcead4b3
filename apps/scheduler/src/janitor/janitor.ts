import { setTimeout as sleep } from 'node:timers/promises';
import { LogUnavailableError } from '@millrace/log';
import type { TaskLog } from '@millrace/log';
import type { ProjectionPoint, SweepQueries, SweptTask } from '@millrace/read-model';
import type { Logger } from '@millrace/runtime';
import type { Alerts } from '../patrol/alerts.js';
import { Carrier } from './carrier.js';
import { dropKeptFacts } from './kept-facts.js';
import { LogIdentity } from './log-identity.js';
import { lowWater, nextStep } from './low-water.js';

export interface JanitorOptions {
  log: TaskLog;
  tables: SweepQueries;
  logger: Logger;
  alerts: Alerts;
  retentionMs: number;
  retentionTasks: number;
  /** Waits that one round carries, about. Defaults to {@link CARRIED_AT_MOST}. */
  carriedAtMost?: number;
}

const CARRIED_AT_MOST = 20_000;
const ON_DISK_WITHIN_MS = 10_000;
const ON_DISK_LOOK_EVERY_MS = 100;

/**
 * Lets go of the beginning of the log once nobody needs it there: it is in the archive, no task that is ready or runs began there, and
 * every wait that did was carried.
 *
 * Safe to kill at any line, and with two janitors at once. The order is what makes it so: look, carry, purge. Killed before the purge, it
 * has changed nothing but written waits again, which the next round sees in the log; killed within, the rest of a purge is left over. What
 * the rows say is read after the offsets, so they know every fact below the mark. A task may move while this goes on: then its carry is
 * refused, and the mark stays below its facts.
 */
export class Janitor {
  readonly #carrier: Carrier;

  constructor(private readonly options: JanitorOptions) {
    const { log, tables, logger, carriedAtMost } = options;
    this.#carrier = new Carrier(log, tables, logger, carriedAtMost ?? CARRIED_AT_MOST);
  }

  /** One round. True when it ended before its work did. */
  async round(signal?: AbortSignal): Promise<boolean> {
    const { log, tables } = this.options;
    if (!log.connected) throw new LogUnavailableError('The broker is away.');
    const projections = await tables.projections();
    const identity = await LogIdentity.of(log, tables, projections);
    const state = await identity.confirmed();
    if (!state) {
      this.options.logger.warn('The read model tells of another log; nothing leaves this one');
      return false;
    }
    await this.#untilOnDisk(projections);
    const { mark, isHeldByProjector } = lowWater({
      ...(await this.#limits()),
      offsets: projections.map(({ sequence }) => sequence),
    });
    const carried = await this.#carrier.carryBelow(mark, state, signal);
    await this.#tellWhatHolds(carried.boundBy, isHeldByProjector);
    const purged = await this.#purge(carried.low, identity, signal);
    const dropped = await dropKeptFacts(log, tables, signal);
    if (purged > 0 || carried.count > 0 || dropped > 0)
      this.options.logger.info(
        { below: carried.low, messages: purged, carried: carried.count, dropped },
        'The log was shortened',
      );
    return carried.hasMore;
  }

  async #limits(): Promise<{ withinAge: number | undefined; withinCount: number | undefined }> {
    const { tables, retentionMs, retentionTasks } = this.options;
    return {
      withinAge: await tables.sequenceAt(new Date(Date.now() - retentionMs)),
      withinCount: await tables.sequenceOfFinished(retentionTasks),
    };
  }

  /** Postgres may take back the last commits in a crash; what has left the log by then would be in neither. */
  async #untilOnDisk(projections: readonly ProjectionPoint[]): Promise<void> {
    const wal = projections.at(-1)?.wal;
    const deadline = performance.now() + ON_DISK_WITHIN_MS;
    while (wal !== undefined && !(await this.options.tables.isOnDisk(wal))) {
      if (performance.now() > deadline) throw new Error('Postgres did not write its log to disk in time.');
      await sleep(ON_DISK_LOOK_EVERY_MS);
    }
  }

  async #tellWhatHolds(task: SweptTask | undefined, isHeldByProjector: boolean): Promise<void> {
    const { alerts } = this.options;
    if (task) {
      const { id, queue, phase, first_sequence } = task;
      await alerts.raise(
        'log_held_back',
        { held_by: 'task', task_id: id, queue, phase, first_sequence },
        'A task that is older than the limits of the log keeps it from being shortened',
      );
    } else if (isHeldByProjector) {
      await alerts.raise(
        'log_held_back',
        { held_by: 'projector' },
        'A projection that is behind keeps the log from being shortened',
      );
    } else await alerts.clear('log_held_back');
  }

  async #purge(low: number, identity: LogIdentity, signal?: AbortSignal): Promise<number> {
    let purged = 0;
    for (;;) {
      signal?.throwIfAborted();
      // Before each step: what this janitor knows may be of a log that is no more.
      const state = await identity.confirmed();
      const step = state && nextStep(state.firstSequence, low);
      if (step === undefined) return purged;
      purged += await this.options.log.admin.purgeBelow(step);
    }
  }
}
