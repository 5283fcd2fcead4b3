import { DEFAULT_RETRY_POLICY } from '@millrace/domain';
import type { Fact, Json, Lane, TaskCard, TaskEvent, TaskSpec } from '@millrace/domain';
import { openDatabase } from '../database/database.js';
import type { Database } from '../database/database.js';
import { migrate } from '../database/migrate.js';
import { ProjectionConnection } from '../projections/projection-connection.js';
import { messageOf } from './random-log.js';

const NO_LAG = { lag_ms: 0, lag_messages: 0 };
const BEGIN_MS = Date.parse('2026-01-01T00:00:00.000Z');
export const timeOf = (sequence: number): string => new Date(BEGIN_MS + sequence * 1000).toISOString();

/** A log that is written by hand; each fact is one second after the one before. */
export class Scribe {
  readonly #last = new Map<string, number>();
  #sequence = 0;

  private constructor(
    readonly url: string,
    readonly database: Database,
    private readonly connection: ProjectionConnection,
    private readonly projection: Awaited<ReturnType<ProjectionConnection['resume']>>,
  ) {}

  static async begin(
    postgres: { createDatabase: (name: string) => Promise<string> },
    name: string,
  ): Promise<Scribe> {
    const url = await postgres.createDatabase(name);
    await migrate(url);
    const connection = await ProjectionConnection.open(url);
    return new Scribe(url, openDatabase(url), connection, await connection.resume('log'));
  }

  async write(id: string, event: TaskEvent, queue = 'video'): Promise<number> {
    const fact = this.#factOf(id, event, queue);
    await this.projection.apply([messageOf(fact)], NO_LAG);
    return fact.sequence;
  }

  /** Many in one batch. */
  async writeAll(
    events: readonly (readonly [id: string, event: TaskEvent])[],
    queue = 'video',
  ): Promise<void> {
    const facts = events.map(([id, event]) => this.#factOf(id, event, queue));
    await this.projection.apply(facts.map(messageOf), NO_LAG);
  }

  async fire(id: string): Promise<number> {
    const sequence = ++this.#sequence;
    const due = { task_id: id, sequence, after: this.#last.get(id) ?? 0, at: timeOf(sequence) };
    await this.projection.apply([{ type: 'due', sequence, fingerprint: () => 'due', due }], NO_LAG);
    return sequence;
  }

  #factOf(id: string, event: TaskEvent, queue: string): Fact {
    const sequence = ++this.#sequence;
    const place = { queue, task_id: id, sequence, id: `e${sequence}`, prev: this.#last.get(id) ?? 0 };
    this.#last.set(id, sequence);
    return { ...event, ...place, at: timeOf(sequence), actor: 'test' };
  }

  async end(): Promise<void> {
    await this.database.close();
    await this.connection.close();
  }
}

export const card = (spec: Partial<TaskSpec> = {}, parameters: Json = null): TaskCard => ({
  task: {
    name: 'render',
    priority: 5,
    retry: DEFAULT_RETRY_POLICY,
    soft_time_limit: 1800,
    time_limit: 2400,
    submitted_at: timeOf(0),
    ...spec,
  },
  attempts: { begun: 0, failed: 0, lost: 0 },
  parameters,
});
export const ready = (lane: Lane, spec: Partial<TaskSpec> = {}, parameters: Json = null): TaskEvent => ({
  kind: lane,
  data: { ...card(spec, parameters), reason: 'submitted' },
});
export const started = (ticket: number, attempt = 1, worker = 'w1'): TaskEvent => ({
  kind: 'started',
  data: { attempt, worker, ticket, failed: 0, lost: 0 },
});
export const retried = (until: string, spec: Partial<TaskSpec> = {}, parameters: Json = null): TaskEvent => ({
  kind: 'scheduled',
  data: {
    ...card(spec, parameters),
    attempts: { begun: 1, failed: 1, lost: 0 },
    until,
    lane: 'p5',
    reason: 'retry',
    attempt: 1,
    error: { name: 'Error', message: 'no DISK' },
    duration_ms: 7,
  },
});
export const succeeded = (result: Json = null): TaskEvent => ({
  kind: 'succeeded',
  data: { attempt: 1, worker: 'w1', result, duration_ms: 5 },
});
