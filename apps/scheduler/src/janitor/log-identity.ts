import type { LogState, TaskLog } from '@millrace/log';
import type { ProjectionPoint, SweepQueries } from '@millrace/read-model';

/** A fact as archive and log name it. */
export interface Landmark {
  sequence: number;
  event_id: string;
}

/** Whether the tables tell of this log: not of one that was made anew, nor of one that has gone back since. */
export const isSameLog = (
  state: LogState,
  projections: readonly ProjectionPoint[],
  landmark: Landmark | undefined,
  idInLog: string | undefined,
): boolean =>
  projections.every(
    ({ stream_created_at, sequence }) =>
      stream_created_at === state.createdAt && sequence <= state.lastSequence,
  ) &&
  // What was purged cannot be compared.
  (landmark === undefined || landmark.sequence < state.firstSequence || landmark.event_id === idInLog);

/** Looks at the log each time it is asked. */
export class LogIdentity {
  constructor(
    private readonly log: TaskLog,
    private readonly projections: readonly ProjectionPoint[],
    private readonly landmark: Landmark | undefined,
  ) {}

  static async of(log: TaskLog, tables: SweepQueries, projections: readonly ProjectionPoint[]) {
    return new LogIdentity(log, projections, await tables.lastArchived());
  }

  /** The state of the log; undefined when it is not the one that the tables tell of. */
  async confirmed(): Promise<LogState | undefined> {
    const state = await this.log.admin.state();
    const fact = this.landmark && (await this.log.read.factAt(this.landmark.sequence));
    return isSameLog(state, this.projections, this.landmark, fact?.id) ? state : undefined;
  }
}
