import type { Client } from 'pg';
import { project, noteDue } from '../tasks/task.projection.js';
import type { ProjectedTask } from '../tasks/task.projection.js';
import { stateOf, notesOf, rowOf } from '../tasks/task.mapping.js';
import { SUMMARY_COLUMNS, parsedRow } from '../tasks/task.columns.js';
import type { StoredRow } from '../tasks/task.columns.js';
import type { TaskRow } from '../tasks/task.entity.js';
import { ArchivePartitions } from '../task-events/partitions.js';
import { wasMistaken, writeAsKnown, writeWhatever } from './batch-writer.js';
import { KnownTasks, STORED_PARAMETERS } from './known-tasks.js';
import type { Lag, LogMessage } from './log-message.js';
import { OffsetMovedError, isUnstorable } from './projection-errors.js';
import type { ArchivedFact, Statement } from './task-tables.js';

/** How a batch went. */
export interface Applied {
  facts: number;
  tasks: number;
  /** Sequences of the messages that were passed over. */
  ignored: number[];
}

/** What a batch comes to, before it is written. */
interface Folded extends Sorted {
  facts: ArchivedFact[];
  tasks: Map<string, ProjectedTask>;
  ignored: number[];
}

interface Sorted {
  begun: TaskRow[];
  moved: TaskRow[];
  changed: TaskRow[];
  /** Tasks whose newest card has no parameters any more. */
  emptied: string[];
}

/** For a shorter batch a few prepared statements are cheaper than one for each kind of row. */
const LONG_BATCH = 50;

const NOTHING: Applied = { facts: 0, tasks: 0, ignored: [] };

/**
 * Folds the log into `tasks` and `task_events`, a transaction per batch, with the offset in it. The offset moves only from where this
 * writer believes it to be: of two writers one fails, and a batch that comes twice is passed over.
 *
 * Commits do not wait for the disk (`synchronous_commit = off`). A crash of Postgres may so undo the last of them, rows and offset
 * together, since both are in one transaction: the tables are then as they were a moment ago, and what follows is folded once more.
 * What this writer believes is then wrong, which the guard on the offset finds out.
 */
export class TaskProjection {
  readonly #known: KnownTasks;
  readonly #partitions: ArchivePartitions;

  constructor(
    private readonly client: Client,
    private readonly name: string,
    private offset: number,
    knownTasks: number,
  ) {
    this.#known = new KnownTasks(knownTasks);
    this.#partitions = new ArchivePartitions(client);
  }

  /** Sequence of the last message that is in the tables. */
  get sequence(): number {
    return this.offset;
  }

  /**
   * Writes what the messages say, which must be in the order of the log without a gap. A message that Postgres will never take (a
   * number too large, a JSON too deep) is found by halving the batch, and passed over like junk.
   *
   * @throws OffsetMovedError when somebody else wrote meanwhile: begin anew from the offset in the table
   */
  async apply(messages: readonly LogMessage[], lag: Lag): Promise<Applied> {
    const fresh = messages.filter(({ sequence }) => sequence > this.offset);
    const last = fresh.at(-1);
    if (!last) return NOTHING;
    try {
      return await this.#write(fresh, last, lag);
    } catch (error) {
      // When the connection is gone the transaction is too, and the first error says more.
      await this.client.query('ROLLBACK').catch(() => undefined);
      if (!isUnstorable(error)) throw error;
      if (fresh.length === 1) return this.apply([{ ...last, type: 'junk' }], lag);
      const half = Math.ceil(fresh.length / 2);
      const first = await this.apply(fresh.slice(0, half), lag);
      return sumOf(first, await this.apply(fresh.slice(half), lag));
    }
  }

  async #write(messages: readonly LogMessage[], last: LogMessage, lag: Lag): Promise<Applied> {
    const folded = this.#fold(messages, await this.#load(messages));
    const { facts, tasks, ignored } = folded;
    await this.#partitions.cover(facts);
    const commit = (write: typeof writeWhatever): Promise<void> => this.#commit(folded, write, last, lag);
    if (messages.length < LONG_BATCH) await commit(writeWhatever);
    else
      await commit(writeAsKnown).catch(async (error: unknown) => {
        if (!wasMistaken(error)) throw error;
        await this.client.query('ROLLBACK');
        await commit(writeWhatever);
      });
    this.offset = last.sequence;
    this.#known.remember(tasks);
    return { facts: facts.length, tasks: tasks.size, ignored };
  }

  async #commit(folded: Folded, write: typeof writeWhatever, last: LogMessage, lag: Lag): Promise<void> {
    await this.client.query('BEGIN');
    await this.#moveOffset(last, folded.ignored.length, lag);
    await write(this.client, folded);
    if (folded.emptied.length > 0) await this.client.query(emptyParameters(folded.emptied));
    await this.client.query('COMMIT');
  }

  #fold(messages: readonly LogMessage[], loaded: Map<string, ProjectedTask>): Folded {
    const facts: ArchivedFact[] = [];
    const tasks = new Map<string, ProjectedTask>();
    const ignored: number[] = [];
    for (const message of messages) {
      if (message.type === 'junk') {
        ignored.push(message.sequence);
        continue;
      }
      const id = taskOf(message);
      const before = tasks.get(id) ?? this.#known.get(id) ?? loaded.get(id);
      const after = message.type === 'fact' ? project(before, message.fact) : noteDue(before, message.due);
      if (message.type === 'fact') facts.push(message);
      if (after && after !== before) tasks.set(id, after);
    }
    return { facts, tasks, ignored, ...this.#sorted(tasks, loaded) };
  }

  /** Sorts the tasks of a batch by what is in the table of them. */
  #sorted(tasks: Map<string, ProjectedTask>, loaded: Map<string, ProjectedTask>): Sorted {
    const sorted: Sorted = { begun: [], moved: [], changed: [], emptied: [] };
    for (const [id, { state, notes }] of tasks) {
      const stored = this.#known.get(id) ?? loaded.get(id);
      const row = rowOf(state, notes);
      if (!stored) sorted.begun.push(row);
      else if (hasSameCard(stored, { state, notes })) sorted.moved.push(row);
      else sorted.changed.push(row);
      if (stored?.state.parameters && state.parameters === undefined) sorted.emptied.push(id);
    }
    return sorted;
  }

  /** The tasks of the batch that are in the table and not known here. A first fact has nothing before it to be known. */
  async #load(messages: readonly LogMessage[]): Promise<Map<string, ProjectedTask>> {
    const begun = new Set<string>();
    const missing = new Set<string>();
    for (const message of messages) {
      if (message.type === 'junk') continue;
      const id = taskOf(message);
      if (message.type === 'fact' && message.fact.prev === 0) begun.add(id);
      else if (!begun.has(id) && !this.#known.get(id)) missing.add(id);
    }
    if (missing.size === 0) return new Map();
    const { rows } = await this.client.query<StoredRow<TaskRow> & { has_parameters: boolean }>(
      loadTasks([...missing]),
    );
    return new Map(
      rows.map((stored) => {
        const row = parsedRow<TaskRow>(stored);
        row.parameters = stored.has_parameters ? STORED_PARAMETERS : undefined;
        return [row.id, { state: stateOf(row), notes: notesOf(row) }];
      }),
    );
  }

  async #moveOffset(last: LogMessage, ignored: number, { lag_ms, lag_messages }: Lag): Promise<void> {
    const { rowCount } = await this.client.query({
      name: 'move-offset',
      text: `UPDATE projections
             SET sequence = $3, fingerprint = $4, ignored = ignored + $5, lag_ms = $6, lag_messages = $7, updated_at = clock_timestamp()
             WHERE name = $1 AND sequence = $2`,
      values: [this.name, this.offset, last.sequence, last.fingerprint(), ignored, lag_ms, lag_messages],
    });
    if (rowCount === 0) throw new OffsetMovedError(this.offset);
  }
}

const taskOf = (message: Exclude<LogMessage, { type: 'junk' }>): string =>
  message.type === 'fact' ? message.fact.task_id : message.due.task_id;

/** Whether what only a card says is as it was. The parameters are those of the input. */
const hasSameCard = (a: ProjectedTask, b: ProjectedTask): boolean =>
  a.state.spec === b.state.spec &&
  a.state.queue === b.state.queue &&
  a.state.input === b.state.input &&
  a.notes.first_sequence === b.notes.first_sequence;

const loadTasks = (ids: string[]): Statement => ({
  name: 'load-tasks',
  text: `SELECT ${SUMMARY_COLUMNS}, parameters IS NOT NULL AS has_parameters FROM tasks WHERE id = ANY ($1::text[])`,
  values: [ids],
});

const emptyParameters = (ids: string[]): Statement => ({
  name: 'empty-parameters',
  text: 'UPDATE tasks SET parameters = NULL WHERE id = ANY ($1::text[])',
  values: [ids],
});

const sumOf = (first: Applied, second: Applied): Applied => ({
  facts: first.facts + second.facts,
  tasks: first.tasks + second.tasks,
  ignored: [...first.ignored, ...second.ignored],
});
