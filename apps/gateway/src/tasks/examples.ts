import type { BranchTask, BranchedTask } from './branch-task.schema.js';
import type { SubmitTask, SubmittedTask, SubmittedTasks } from './submit-task.schema.js';
import type { CancelledTask, CommandDone, SendSignal, SentSignal } from './task-commands.schema.js';
import type { MovedTask, PrioritisedTask, ReorderTask, RescheduleTask } from './task-moves.schema.js';
import type { TaskDiff } from './task-diff.schema.js';
import type {
  TaskEvents,
  TaskList,
  TaskResult,
  TaskStatusView,
  TaskSummaryView,
  TaskView,
} from './task-view.schema.js';

const task_id = '019f3c1e-7a52-7cc3-9d1b-6f2b1f0c8a11';
const submitted_at = '2026-03-01T09:30:00.000Z';

const submission: SubmitTask = {
  task_name: 'document_processing',
  parameters: { paths: ['docs/**/*.md'] },
  priority: 7,
  retry: {
    max_retries: 5,
    by_error: { RateLimited: { delay_seconds: 300 }, BadDocument: { max_retries: 0 } },
  },
  tags: ['nightly'],
};

const debounced: SubmitTask = {
  task_name: 'document_processing',
  parameters: { paths: ['docs/guides/*.md'] },
  unique_key: 'docs/guides',
  unique: { mode: 'debounce', quiet_seconds: 30 },
};

const onceAtATime: SubmitTask = {
  task_name: 'document_processing',
  unique_key: 'docs',
  unique: { scope: 'until_done' },
};

const submitted: SubmittedTask = {
  task_id,
  status: 'PENDING',
  queue: 'default',
  priority: 7,
  submitted_at,
  duplicate: false,
  replaced: false,
  sequence: 4711,
};

const submittedTasks: SubmittedTasks = {
  accepted: 1,
  rejected: 1,
  results: [
    { task_id, status: 'PENDING', duplicate: false, replaced: false },
    {
      error: {
        code: 'request/invalid',
        detail: 'priority: Too big: expected number to be <=10',
        errors: [{ path: 'priority', message: 'Too big: expected number to be <=10' }],
      },
    },
  ],
};

const summary: TaskSummaryView = {
  task_id,
  task_name: 'document_processing',
  status: 'PROCESSING',
  queue: 'default',
  priority: 7,
  progress: { percent: 40, step: 'docs/guides/rest-api.md', current: 4, total: 10 },
  attempt: 1,
  max_retries: 5,
  worker: 'worker-7f3a',
  error: null,
  submitted_at,
  started_at: '2026-03-01T09:30:00.004Z',
  finished_at: null,
  cleaned_at: null,
  elapsed_seconds: 1.25,
  correlation_id: 'checkout-42',
  tags: ['nightly'],
  user_id: null,
  reason: null,
  waits_until: null,
  updated_at: '2026-03-01T09:30:01.000Z',
  sequence: 4713,
};

const status: TaskStatusView = { ...summary, position: null };

const task: TaskView = {
  ...status,
  parameters: { paths: ['docs/**/*.md'] },
  result: null,
  notice: null,
  options: {
    retry: {
      max_retries: 5,
      delay_seconds: 60,
      backoff_factor: 2,
      max_delay_seconds: 600,
      jitter: true,
      by_error: { RateLimited: { delay_seconds: 300 }, BadDocument: { max_retries: 0 } },
    },
    soft_time_limit: 1800,
    time_limit: 2400,
    expires_at: null,
    unique_key: null,
    concurrency_key: null,
  },
  attempts: [
    {
      attempt: 1,
      worker: 'worker-7f3a',
      started_at: '2026-03-01T09:30:00.004Z',
      ended_at: null,
      outcome: 'running',
      error: null,
      duration_ms: null,
    },
  ],
  branched_from: null,
  branches: [],
};

const list: TaskList = { items: [summary], next_cursor: null, projection: { sequence: 4713, lag_ms: 12 } };

const result: TaskResult = { task_id, status: 'SUCCESS', result: { documents: 10 }, error: null };

const events: TaskEvents = {
  items: [
    {
      sequence: 4712,
      kind: 'started',
      at: '2026-03-01T09:30:00.004Z',
      attempt: 1,
      actor: 'worker:worker-7f3a',
      data: { attempt: 1, worker: 'worker-7f3a', ticket: 4711, failed: 0, lost: 0 },
    },
  ],
};

const cancelled: CancelledTask = {
  task_id,
  status: 'cancelled',
  message: 'Task was running and has been terminated',
  previous_state: 'PROCESSING',
  cancelled_at: '2026-03-01T09:31:00.000Z',
  sequence: 4714,
};

const resumed: CommandDone = {
  success: true,
  message: 'Task resumed successfully',
  task_id,
  new_task_id: task_id,
  sequence: 4715,
};

const prioritised: PrioritisedTask = {
  success: true,
  message: 'Task has priority 9',
  task_id,
  priority: 9,
  position: 2,
  sequence: 4715,
};

const reorder: ReorderTask = { position: 0 };

const reordered: MovedTask = {
  success: true,
  message: 'Task is at position 0',
  task_id,
  new_position: 0,
  priority: 7,
};

const reschedule: RescheduleTask = { eta: '2026-03-01T12:00:00Z' };

const signal: SendSignal = { name: 'approved', payload: { by: 'ada' } };

const signalled: SentSignal = { task_id, name: 'approved', sequence: 4716 };

const branch: BranchTask = { from_sequence: 4713, parameters: { paths: ['docs/guides/*.md'] } };

const branched: BranchedTask = {
  task_id: '019f3c22-1c40-7b1e-8a52-3d1f5f0c9b22',
  branched_from: { task_id, sequence: 4713 },
  status: 'PENDING',
  queue: 'default',
  sequence: 4717,
};

const diff: TaskDiff = {
  left: task_id,
  right: branched.task_id,
  parameters_changed: ['paths[0]'],
  steps: [
    {
      name: 'count',
      kind: 'step',
      left: {
        task_id,
        sequence: 4713,
        attempt: 1,
        at: '2026-03-01T09:30:01.000Z',
        duration_ms: 996,
        output: 10,
        output_bytes: 2,
      },
      right: null,
      same: false,
    },
  ],
  attempts: { left: task.attempts, right: [], same: false },
  result: {
    left: { status: 'SUCCESS', result: { documents: 10 }, error: null },
    right: { status: 'PENDING', result: null, error: null },
    same: false,
  },
  totals: {
    left: { events: 4, steps: 1, attempts: 1, attempts_ms: 1250, elapsed_seconds: 1.25 },
    right: { events: 1, steps: 0, attempts: 0, attempts_ms: 0, elapsed_seconds: null },
  },
};

/** What the OpenAPI document shows. Typed, so that an example that lies does not compile. */
export const examples = {
  submission,
  debounced,
  onceAtATime,
  submitted,
  submittedTasks,
  list,
  status,
  task,
  result,
  notEnded: { task_id, status: 'PROCESSING' },
  events,
  cancelled,
  resumed,
  paused: { ...resumed, message: 'Task paused successfully' },
  prioritised,
  reorder,
  reordered,
  reschedule,
  rescheduled: { ...resumed, message: 'Task waits until 2026-03-01T12:00:00.000Z' },
  runNow: { ...resumed, message: 'Task is queued to run now' },
  signal,
  signalled,
  branch,
  branched,
  diff,
  retried: { ...resumed, message: 'Task is queued for another run' },
} as const;
