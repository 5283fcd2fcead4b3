import { DEFAULT_RETRY_POLICY } from '@millrace/domain';
import type { Command, TaskSpec } from '@millrace/domain';
import { TaskLog } from '@millrace/log';
import type { LogOptions } from '@millrace/log';

/** Opens the log as the process `test`. */
export const openTestLog = (url: string, options: Partial<LogOptions> = {}): Promise<TaskLog> =>
  TaskLog.open({ url, name: 'test', ...options });

/** A task in which nothing is special: priority 5, default retries. */
export const aSpec = (changes: Partial<TaskSpec> = {}): TaskSpec => ({
  name: 'render',
  priority: 5,
  retry: DEFAULT_RETRY_POLICY,
  soft_time_limit: 1800,
  time_limit: 2400,
  submitted_at: new Date().toISOString(),
  ...changes,
});

/** The command that submits it. */
export const aSubmission = (changes: Partial<TaskSpec> = {}): Command & { type: 'submit' } => ({
  type: 'submit',
  spec: aSpec(changes),
  parameters: { film: 'a.mov' },
});
