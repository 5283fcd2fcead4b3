import { setImmediate as turn } from 'node:timers/promises';
import type { Fact } from '@millrace/domain';
import type { Client } from 'pg';
import { failureOf } from '../failures/failure.projection.js';
import type { FailureRow } from '../failures/failure.entity.js';
import type { Transition } from '../metrics/count-transition.js';
import { tallied } from '../metrics/tally.js';
import type { MinuteMeasures } from '../metrics/tally.js';
import { SUMMARY_COLUMNS, parsedRow } from '../tasks/task.columns.js';
import type { StoredRow } from '../tasks/task.columns.js';
import type { TaskRow } from '../tasks/task.entity.js';
import { notesOf, rowOf, stateOf } from '../tasks/task.mapping.js';
import { noteDue, project } from '../tasks/task.projection.js';
import type { ProjectedTask } from '../tasks/task.projection.js';
import type { Batch } from './batch-writer.js';
import { KnownTasks, STORED_PARAMETERS } from './known-tasks.js';
import type { LogMessage } from './log-message.js';
import type { ArchivedFact, Statement } from './task-tables.js';

export type Tasks = ReadonlyMap<string, ProjectedTask>;

/** What a batch comes to, before it is written. */
export interface Folded extends Batch {
  /** What it was folded on. */
  stored: Tasks;
  tasks: Map<string, ProjectedTask>;
  failures: FailureRow[];
  /** What it adds to the metrics. */
  tally: MinuteMeasures[];
  /** Tasks whose newest card has no parameters any more. */
  emptied: string[];
  /** Sequences of the messages that were passed over. */
  ignored: number[];
}

/** Messages that are folded before whatever else waits has its turn: the batch before is being written meanwhile. */
const IN_ONE_TURN = 100;

/** Folds batches, each on what the ones before have come to, whether these are written or not. */
export class BatchFolder {
  readonly #known: KnownTasks;

  constructor(
    private readonly client: Client,
    knownTasks: number,
  ) {
    this.#known = new KnownTasks(knownTasks);
  }

  /** Undefined when a task must be looked for in the tables; see {@link fold}. */
  async foldAhead(messages: readonly LogMessage[]): Promise<Folded | undefined> {
    if (missingOf(messages, this.#known).size > 0) return undefined;
    return this.#foldOn(this.#knownOf(messages), messages, () => true);
  }

  /** Looks in the tables for tasks that it does not know: all batches before must be written if there are any. */
  async fold(messages: readonly LogMessage[]): Promise<Folded> {
    const missing = missingOf(messages, this.#known);
    const known = this.#knownOf(messages);
    const stored = new Map([...known, ...(await this.#load(missing))]);
    return this.#foldOn(stored, messages, () => true);
  }

  /**
   * Takes for granted only of tasks that are not in the tables that they were as is said. Of what is archived already nothing is counted.
   * All batches before must be written.
   */
  async foldAnew(messages: readonly LogMessage[], gone: Tasks): Promise<Folded> {
    const there = await this.#load(new Set(messages.flatMap((message) => taskOf(message) ?? [])));
    const { rows } = await this.client.query<{ sequence: number }>(
      'SELECT sequence FROM task_events WHERE sequence = ANY ($1::bigint[])',
      [messages.map(({ sequence }) => sequence)],
    );
    const archived = new Set(rows.map(({ sequence }) => sequence));
    return this.#foldOn(new Map([...gone, ...there]), messages, ({ sequence }) => !archived.has(sequence));
  }

  /** The batch is in the tables. */
  settle({ tasks }: Folded): void {
    this.#known.settle(tasks);
  }

  /** What was folded is not going to be written. */
  forgetAll(): void {
    this.#known.forgetAll();
  }

  /** As they are now: a batch that is written meanwhile may let them be forgotten. */
  #knownOf(messages: readonly LogMessage[]): Map<string, ProjectedTask> {
    return this.#known.of(messages.flatMap((message) => taskOf(message) ?? []));
  }

  async #foldOn(
    stored: Tasks,
    messages: readonly LogMessage[],
    isCounted: (fact: Fact) => boolean,
  ): Promise<Folded> {
    const facts: ArchivedFact[] = [];
    const tasks = new Map<string, ProjectedTask>();
    const transitions: Transition[] = [];
    const failures: FailureRow[] = [];
    const ignored: number[] = [];
    for (const [index, message] of messages.entries()) {
      if (index % IN_ONE_TURN === IN_ONE_TURN - 1) await turn();
      const id = taskOf(message);
      if (message.type === 'junk' || id === undefined) {
        ignored.push(message.sequence);
        continue;
      }
      const before = tasks.get(id) ?? stored.get(id);
      const after = message.type === 'fact' ? project(before, message.fact) : noteDue(before, message.due);
      if (message.type === 'fact') facts.push(message);
      if (!after || after === before) continue;
      tasks.set(id, after);
      if (message.type !== 'fact') continue;
      const { fact } = message;
      if (isCounted(fact)) transitions.push({ before, after, fact });
      const failure = failureOf(fact, before ?? after);
      if (failure) failures.push(failure);
    }
    this.#known.remember(tasks);
    return { stored, facts, tasks, failures, ignored, tally: tallied(transitions), ...sorted(tasks, stored) };
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
}

/** Sorts the tasks of a batch by what is in the table of them. */
function sorted(tasks: Tasks, stored: Tasks): Pick<Folded, 'begun' | 'moved' | 'changed' | 'emptied'> {
  const begun: TaskRow[] = [];
  const moved: TaskRow[] = [];
  const changed: TaskRow[] = [];
  const emptied: string[] = [];
  for (const [id, { state, notes }] of tasks) {
    const there = stored.get(id);
    const row = rowOf(state, notes);
    if (!there) begun.push(row);
    else if (hasSameCard(there, { state, notes })) moved.push(row);
    else changed.push(row);
    if (there?.state.parameters && state.parameters === undefined) emptied.push(id);
  }
  return { begun, moved, changed, emptied };
}

/** The tasks of a batch that may be in the table and are not known. A first fact has nothing before it to be known. */
function missingOf(messages: readonly LogMessage[], known: KnownTasks): Set<string> {
  const begun = new Set<string>();
  const missing = new Set<string>();
  for (const message of messages) {
    const id = taskOf(message);
    if (id === undefined) continue;
    if (message.type === 'fact' && isFirst(message.fact)) begun.add(id);
    else if (!begun.has(id) && !known.has(id)) missing.add(id);
  }
  return missing;
}

/** A task that had left the log comes back by a carried fact, and is cleaned up by one, that have no other before them there. */
const isFirst = ({ prev, kind, data }: Fact): boolean =>
  prev === 0 && kind !== 'cleaned' && !('carried' in data);

function taskOf(message: LogMessage): string | undefined {
  if (message.type === 'junk') return undefined;
  return message.type === 'fact' ? message.fact.task_id : message.due.task_id;
}

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
