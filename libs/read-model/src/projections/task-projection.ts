import type { Fact } from '@millrace/domain';
import type { Client } from 'pg';
import { project, noteDue } from '../tasks/task.projection.js';
import type { ProjectedTask } from '../tasks/task.projection.js';
import { stateOf, notesOf, rowOf } from '../tasks/task.mapping.js';
import { SUMMARY_COLUMNS, parsedRow } from '../tasks/task.columns.js';
import type { StoredRow } from '../tasks/task.columns.js';
import type { TaskRow } from '../tasks/task.entity.js';
import { ArchivePartitions } from '../task-events/partitions.js';
import type { Transition } from '../metrics/count-transition.js';
import { MetricsWriter } from '../metrics/metrics-writer.js';
import { rollUp } from '../metrics/roll-up.js';
import type { RollUpOptions, RolledUp } from '../metrics/roll-up.js';
import { tallied } from '../metrics/tally.js';
import { wasMistaken, writeAsKnown, writeFew, writeWhatever } from './batch-writer.js';
import type { FailureRow } from '../failures/failure.entity.js';
import { failureOf, writeFailures } from '../failures/failure.projection.js';
import { KnownTasks, STORED_PARAMETERS } from './known-tasks.js';
import type { Lag, LogMessage } from './log-message.js';
import { OneAtATime } from './one-at-a-time.js';
import { OffsetMovedError, TablesSwappedError, isUnstorable } from './projection-errors.js';
import type { ArchivedFact, Statement } from './task-tables.js';

/** Where a writer begins. */
export interface ProjectionPlace {
  /** Which projection, in the table `projections`. */
  name: string;
  /** Of the last message that is in the tables. */
  sequence: number;
  /** Of the tables. */
  generation: number;
}

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
  transitions: Transition[];
  failures: FailureRow[];
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
 * Folds the log into `tasks`, `task_events` and `metrics`, a transaction per batch, with the offset in it. The offset moves only from where this
 * writer believes it to be: of two writers one fails, and a batch that comes twice is passed over.
 *
 * Commits do not wait for the disk (`synchronous_commit = off`). A crash of Postgres may so undo the last of them, rows and offset
 * together, since both are in one transaction: the tables are then as they were a moment ago, and what follows is folded once more.
 * What this writer believes is then wrong, which the guard on the offset finds out.
 */
export class TaskProjection {
  /** Whether facts go into the archive, too; where they come from it they are there. */
  isArchiving = true;
  readonly #known: KnownTasks;
  readonly #partitions: ArchivePartitions;
  readonly #metrics: MetricsWriter;
  readonly #transactions = new OneAtATime();
  readonly #name: string;
  readonly #generation: number;
  #offset: number;

  constructor(
    private readonly client: Client,
    { name, sequence, generation }: ProjectionPlace,
    knownTasks: number,
  ) {
    this.#name = name;
    this.#generation = generation;
    this.#offset = sequence;
    this.#known = new KnownTasks(knownTasks);
    this.#partitions = new ArchivePartitions(client);
    this.#metrics = new MetricsWriter(client);
  }

  /** Sequence of the last message that is in the tables. */
  get sequence(): number {
    return this.#offset;
  }

  /**
   * Writes what the messages say, which must be in the order of the log without a gap. A message that Postgres will never take (a
   * number too large, a JSON too deep) is found by halving the batch, and passed over like junk.
   *
   * @throws OffsetMovedError when somebody else wrote meanwhile: begin anew from the offset in the table
   * @throws TablesSwappedError when the tables are others: the same
   */
  apply(messages: readonly LogMessage[], lag: Lag): Promise<Applied> {
    return this.#transactions.run(() => this.#apply(messages, lag));
  }

  /** Adds minutes that are over to hours and days, and drops what is old, between two batches. */
  rollUpMetrics(options: RollUpOptions): Promise<RolledUp> {
    return this.#transactions.run(async () => {
      this.#metrics.forgetAll();
      return rollUp(this.client, options);
    });
  }

  async #apply(messages: readonly LogMessage[], lag: Lag): Promise<Applied> {
    const fresh = messages.filter(({ sequence }) => sequence > this.#offset);
    const last = fresh.at(-1);
    if (!last) return NOTHING;
    try {
      return await this.#write(fresh, last, lag);
    } catch (error) {
      // When the connection is gone the transaction is too, and the first error says more.
      await this.client.query('ROLLBACK').catch(() => undefined);
      if (!isUnstorable(error)) throw error;
      if (fresh.length === 1) return this.#apply([{ ...last, type: 'junk' }], lag);
      const half = Math.ceil(fresh.length / 2);
      const first = await this.#apply(fresh.slice(0, half), lag);
      return sumOf(first, await this.#apply(fresh.slice(half), lag));
    }
  }

  async #write(messages: readonly LogMessage[], last: LogMessage, lag: Lag): Promise<Applied> {
    let folded = this.#fold(messages, await this.#load(missingOf(messages, this.#known)));
    if (this.isArchiving) await this.#partitions.cover(folded.facts);
    const write = messages.length < LONG_BATCH ? writeFew : writeAsKnown;
    try {
      await this.#commit(folded, write, last, lag);
    } catch (error) {
      if (!wasMistaken(error)) throw error;
      await this.client.query('ROLLBACK');
      folded = await this.#foldAnew(messages);
      await this.#commit(folded, writeWhatever, last, lag);
    }
    const { facts, tasks, ignored } = folded;
    this.#offset = last.sequence;
    this.#known.remember(tasks);
    return { facts: facts.length, tasks: tasks.size, ignored };
  }

  async #commit(folded: Folded, write: typeof writeWhatever, last: LogMessage, lag: Lag): Promise<void> {
    const metrics = await this.#metrics.added(tallied(folded.transitions));
    await this.client.query('BEGIN');
    await this.#moveOffset(last, folded.ignored.length, lag);
    await write(this.client, this.isArchiving ? folded : { ...folded, facts: [] });
    if (folded.failures.length > 0) await writeFailures(this.client, folded.failures);
    if (folded.emptied.length > 0) await this.client.query(emptyParameters(folded.emptied));
    await this.#metrics.write(metrics);
    await this.client.query('COMMIT');
    this.#metrics.remember(metrics);
  }

  /** Looks at the tables first: what is archived is counted already. */
  async #foldAnew(messages: readonly LogMessage[]): Promise<Folded> {
    this.#metrics.forgetAll();
    const projected = messages.filter((message) => message.type !== 'junk');
    const folded = this.#fold(messages, await this.#load(new Set(projected.map(taskOf))));
    const { rows } = await this.client.query<{ sequence: number }>(
      'SELECT sequence FROM task_events WHERE sequence = ANY ($1::bigint[])',
      [folded.facts.map(({ fact }) => fact.sequence)],
    );
    const archived = new Set(rows.map(({ sequence }) => sequence));
    return { ...folded, transitions: folded.transitions.filter(({ fact }) => !archived.has(fact.sequence)) };
  }

  #fold(messages: readonly LogMessage[], loaded: Map<string, ProjectedTask>): Folded {
    const facts: ArchivedFact[] = [];
    const tasks = new Map<string, ProjectedTask>();
    const transitions: Transition[] = [];
    const failures: FailureRow[] = [];
    const ignored: number[] = [];
    for (const message of messages) {
      if (message.type === 'junk') {
        ignored.push(message.sequence);
        continue;
      }
      const id = taskOf(message);
      const before = tasks.get(id) ?? loaded.get(id) ?? this.#known.get(id);
      const after = message.type === 'fact' ? project(before, message.fact) : noteDue(before, message.due);
      if (message.type === 'fact') facts.push(message);
      if (!after || after === before) continue;
      tasks.set(id, after);
      if (message.type !== 'fact') continue;
      transitions.push({ before, after, fact: message.fact });
      const failure = failureOf(message.fact, before ?? after);
      if (failure) failures.push(failure);
    }
    return { facts, tasks, transitions, failures, ignored, ...this.#sorted(tasks, loaded) };
  }

  /** Sorts the tasks of a batch by what is in the table of them. */
  #sorted(tasks: Map<string, ProjectedTask>, loaded: Map<string, ProjectedTask>): Sorted {
    const sorted: Sorted = { begun: [], moved: [], changed: [], emptied: [] };
    for (const [id, { state, notes }] of tasks) {
      const stored = loaded.get(id) ?? this.#known.get(id);
      const row = rowOf(state, notes);
      if (!stored) sorted.begun.push(row);
      else if (hasSameCard(stored, { state, notes })) sorted.moved.push(row);
      else sorted.changed.push(row);
      if (stored?.state.parameters && state.parameters === undefined) sorted.emptied.push(id);
    }
    return sorted;
  }

  async #load(missing: ReadonlySet<string>): Promise<Map<string, ProjectedTask>> {
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
             WHERE name = $1 AND sequence = $2 AND generation = $8`,
      values: [
        this.#name,
        this.#offset,
        last.sequence,
        last.fingerprint(),
        ignored,
        lag_ms,
        lag_messages,
        this.#generation,
      ],
    });
    if (rowCount === 0) await this.#tellWhatMoved();
  }

  async #tellWhatMoved(): Promise<never> {
    const { rows } = await this.client.query<{ generation: number }>(
      'SELECT generation FROM projections WHERE name = $1',
      [this.#name],
    );
    const [found] = rows;
    throw found && found.generation !== this.#generation
      ? new TablesSwappedError()
      : new OffsetMovedError(this.#offset);
  }
}

/** The tasks of a batch that may be in the table and are not known. A first fact has nothing before it to be known. */
function missingOf(messages: readonly LogMessage[], known: KnownTasks): Set<string> {
  const begun = new Set<string>();
  const missing = new Set<string>();
  for (const message of messages) {
    if (message.type === 'junk') continue;
    const id = taskOf(message);
    if (message.type === 'fact' && isFirst(message.fact)) begun.add(id);
    else if (!begun.has(id) && !known.get(id)) missing.add(id);
  }
  return missing;
}

/** A task that had left the log comes back by a carried fact, and is cleaned up by one, that have no other before them there. */
const isFirst = ({ prev, kind, data }: Fact): boolean =>
  prev === 0 && kind !== 'cleaned' && !('carried' in data);

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
