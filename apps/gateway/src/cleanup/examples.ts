import type { CleanupDone, CleanupRun, CleanupRuns } from './cleanup.schema.js';

const by_task = { transcription: { FAILURE: 4 }, send_mail: { REVOKED: 1 } };

const done: CleanupDone = {
  success: true,
  results: { tasks_cleaned: 5, state_cleaned: 3, temp_files_cleaned: 12, by_task, errors: [] },
  message: 'Failed tasks cleanup completed',
  dry_run: false,
  is_complete: true,
};

const run: CleanupRun = {
  sequence: 812,
  started_at: '2026-03-01T09:00:00.000Z',
  duration_ms: 184,
  actor: 'scheduler',
  queue: null,
  task_name: null,
  ...done.results,
  is_complete: true,
};

const runs: CleanupRuns = {
  since: '2026-02-22T09:30:00.000Z',
  totals: { runs: 1, tasks_cleaned: 5, state_cleaned: 3, temp_files_cleaned: 12, errors: 0, by_task },
  items: [run],
};

export const cleanupExamples = { done, runs };
