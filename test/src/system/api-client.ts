import type { TaskStatus } from '@millrace/domain';

/** What a submission says; see `POST /tasks`. */
export interface Submission {
  task_name: string;
  parameters?: unknown;
  task_id?: string;
  queue?: string;
  priority?: number;
  concurrency_key?: string;
  delay_seconds?: number;
  eta?: string;
  expires_at?: string;
  soft_time_limit?: number;
  time_limit?: number;
  retry?: { max_retries?: number; delay_seconds?: number; backoff_factor?: number; jitter?: boolean };
}

/** An answer of the gateway; status 0 when there was none. */
export interface Answer<Body> {
  status: number;
  body: Body;
  /** Seconds, where the answer names them. */
  retryAfter: number | undefined;
}

/** What the tests read of a task; see `GET /tasks/{id}/status`. */
export interface StatusView {
  task_id: string;
  status: TaskStatus;
  attempt: number;
  worker: string | null;
  error: { name: string; message: string } | null;
  started_at: string | null;
}

export interface ListView {
  items: { task_id: string; status: TaskStatus; task_name: string }[];
  next_cursor: string | null;
  projection: { sequence: number; lag_ms: number | null };
}

export type BulkResult =
  { task_id: string; duplicate: boolean } | { error: { code: string; detail: string } };

const ANSWER_WITHIN_MS = 60_000;

/** The REST API as a user of it sees it. Never throws for an answer, nor for the lack of one. */
export class ApiClient {
  constructor(
    readonly url: string,
    readonly key: string,
  ) {}

  submit(task: Submission): Promise<Answer<{ task_id: string; duplicate: boolean; sequence: number }>> {
    return this.call('POST', '/api/v1/tasks', task);
  }

  submitAll(tasks: Submission[]): Promise<Answer<{ accepted: number; results: BulkResult[] }>> {
    return this.call('POST', '/api/v1/tasks/bulk', { tasks });
  }

  cancel(taskId: string): Promise<Answer<{ status: string; previous_state: string; message: string }>> {
    return this.call('DELETE', `/api/v1/tasks/${taskId}`);
  }

  status(taskId: string): Promise<Answer<StatusView>> {
    return this.call('GET', `/api/v1/tasks/${taskId}/status`);
  }

  result(
    taskId: string,
    timeoutSeconds = 30,
  ): Promise<Answer<{ task_id: string; status: TaskStatus; result: unknown; error: unknown }>> {
    return this.call('GET', `/api/v1/tasks/${taskId}/result?timeout=${timeoutSeconds}`);
  }

  events(
    taskId: string,
  ): Promise<Answer<{ items: { sequence: number; kind: string; attempt: number | null; data: unknown }[] }>> {
    return this.call('GET', `/api/v1/tasks/${taskId}/events`);
  }

  list(query = ''): Promise<Answer<ListView>> {
    return this.call('GET', `/api/v1/tasks?${query}`);
  }

  /** Whether the gateway says that it is ready. */
  async isReady(): Promise<boolean> {
    return (await this.call('GET', '/health/ready')).status === 200;
  }

  async call<Body>(method: string, path: string, body?: unknown): Promise<Answer<Body>> {
    try {
      const response = await fetch(this.url + path, {
        method,
        headers: {
          'x-api-key': this.key,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      const text = await response.text();
      const retryAfter = response.headers.get('retry-after');
      return {
        status: response.status,
        body: (text === '' ? undefined : JSON.parse(text)) as Body,
        retryAfter: retryAfter === null ? undefined : Number(retryAfter),
      };
    } catch (error) {
      return { status: 0, body: String(error) as Body, retryAfter: undefined };
    }
  }
}
