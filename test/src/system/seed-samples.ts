/** What the systems that Millrace takes the place of answer, as their documents show it, and how the same is asked of Millrace. */
export interface SeedSample {
  name: string;
  /** Where `{id}` is a task that suits. */
  request: string;
  /** The state that the task must be in. */
  task?: 'paused' | 'waiting' | 'running' | 'succeeded' | 'failed';
  body?: unknown;
  status: number;
  sample: Record<string, unknown>;
}

export const SEED_SAMPLES: readonly SeedSample[] = [
  {
    name: 'resume of a paused task',
    request: 'POST /api/unified-queue/tasks/{id}/resume',
    task: 'paused',
    status: 200,
    sample: { success: true, message: 'Task resumed successfully', new_task_id: 'new-task-id' },
  },
  {
    name: 'reorder to the front',
    request: 'POST /api/unified-queue/tasks/{id}/reorder',
    task: 'waiting',
    body: { position: 0 },
    status: 200,
    sample: { success: true, message: 'Task reordered successfully', new_position: 0, priority: 0 },
  },
  {
    name: 'cleanup of failed tasks',
    request: 'POST /api/unified-queue/tasks/cleanup',
    status: 200,
    sample: {
      success: true,
      results: { tasks_cleaned: 0, state_cleaned: 5, temp_files_cleaned: 12, errors: [] },
      message: 'Failed tasks cleanup completed',
    },
  },
  {
    name: 'status of a task of a worker',
    request: 'GET /tasks/{id}/status',
    task: 'succeeded',
    status: 200,
    sample: { task_id: 'task-id-123', status: 'SUCCESS', progress: 100, error: null },
  },
  {
    name: 'retry of a failed task',
    request: 'POST /tasks/{id}/retry',
    task: 'failed',
    status: 202,
    sample: { success: true, message: 'Task is queued for another run', task_id: 'task-id-123' },
  },
  {
    name: 'submission to an executor',
    request: 'POST /api/tasks/submit',
    body: {
      task_name: 'my_simple_task',
      parameters: { message: 'Hello from API', count: 3 },
      priority: 7,
    },
    status: 202,
    sample: { task_id: 'task-id-123', status: 'PENDING' },
  },
  {
    name: 'status of a failed task of an executor',
    request: 'GET /api/tasks/{id}/status',
    task: 'failed',
    status: 200,
    sample: { status: 'FAILURE', error: 'Task failed' },
  },
  {
    name: 'result of an executor, which blocks',
    request: 'GET /api/tasks/{id}/result',
    task: 'running',
    status: 200,
    sample: { task_id: 'task-id-123', status: 'SUCCESS', result: { count: 2, results: [] } },
  },
  {
    name: 'cancel of a running task',
    request: 'DELETE /api/v1/tasks/{id}',
    task: 'running',
    status: 200,
    sample: {
      task_id: 'abc123-def456-ghi789',
      status: 'cancelled',
      message: 'Task was running and has been terminated',
      previous_state: 'processing',
      cancelled_at: '2025-01-15T10:35:30Z',
    },
  },
  {
    name: 'cancel of a task that has succeeded',
    request: 'DELETE /api/v1/tasks/{id}',
    task: 'succeeded',
    status: 400,
    sample: { detail: 'Task has already completed successfully and cannot be cancelled' },
  },
  {
    name: 'numbers of a queue',
    request: 'GET /api/v1/queues/default',
    status: 200,
    sample: { total_tasks: { active: 3 } },
  },
  {
    name: 'numbers of a worker',
    request: 'GET /tasks/stats',
    status: 200,
    sample: {},
  },
  {
    name: 'metrics',
    request: 'GET /api/v1/tasks/metrics',
    status: 200,
    sample: {
      metrics: {
        total_tasks: 150,
        completed_tasks: 135,
        failed_tasks: 10,
        retried_tasks: 5,
        cancelled_tasks: 0,
        success_rate: 90.0,
        failure_rate: 6.67,
        average_durations: { my_simple_task: 245.5 },
        currently_running: 3,
      },
      timestamp: '2025-01-15T10:35:30Z',
    },
  },
  {
    name: 'health',
    request: 'GET /api/v1/tasks/health',
    status: 200,
    sample: {
      status: 'healthy',
      metrics: { total_tasks: 150, success_rate: 90.0, failure_rate: 6.67 },
      alerts: [],
      timestamp: '2025-01-15T10:35:30Z',
    },
  },
];
