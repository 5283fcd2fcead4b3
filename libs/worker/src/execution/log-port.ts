import type { Reader, TaskLog } from '@millrace/log';

/** All that running a task takes of the log, so that the same code runs on another one: see the test kit. */
export interface LogPort extends Pick<TaskLog, 'append' | 'releaseIfSignalled' | 'reportProgress'> {
  readonly read: Pick<Reader, 'factAt' | 'recordAt' | 'lastFact' | 'parametersOf' | 'signals'>;
}

/** What it takes besides to turn a ticket into an attempt. */
export type ClaimPort = LogPort & Pick<TaskLog, 'arm' | 'askRuns' | 'connectedForMs'>;
