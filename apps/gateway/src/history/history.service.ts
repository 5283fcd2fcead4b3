import { Injectable } from '@nestjs/common';
import { NO_TASK, evolve } from '@millrace/domain';
import type { Fact, TaskState } from '@millrace/domain';
import { attemptsOf } from '@millrace/read-model';
import type { ExportedFact } from '@millrace/read-model';
import { Archive } from '../archive/archive.js';
import { TaskReader } from '../tasks/task-reader.service.js';
import type { ExportEvents, FailureList, ListFailures, TaskAttemptList } from './history.schema.js';
import { lineOf } from './ndjson.js';

const LINES_AT_ONCE = 100;
const DAY_MS = 86_400_000;

/** What happened: attempt by attempt, failure by failure, fact by fact. */
@Injectable()
export class History {
  constructor(
    private readonly reader: TaskReader,
    private readonly archive: Archive,
  ) {}

  async attempts(taskId: string): Promise<TaskAttemptList> {
    const facts = await this.reader.facts(taskId);
    const checkpoints = checkpointsOf(facts);
    const attempts = attemptsOf(facts);
    return {
      items: attempts.map((attempt, index) => ({ ...attempt, resumed_from: checkpoints[index] ?? null })),
    };
  }

  async failures({ cursor, since = dayBefore(), ...query }: ListFailures): Promise<FailureList> {
    const found = await this.archive.failures.clusters({ ...query, since, after: cursor });
    const items = found.slice(0, query.limit);
    const last = items.at(-1);
    return {
      since,
      items: items.map(({ last_sequence: _, ...cluster }) => cluster),
      next_cursor: found.length > query.limit && last ? String(last.last_sequence) : null,
    };
  }

  /** The first page is read before it answers, so that a refusal is one. */
  async taskLines(taskId: string): Promise<AsyncIterable<string>> {
    const facts = await this.reader.facts(taskId);
    return linesOf(facts.map(exportedOf));
  }

  async eventLines({
    to = new Date().toISOString(),
    ...query
  }: ExportEvents): Promise<AsyncIterable<string>> {
    const pages = this.archive.facts.export({ ...query, to });
    const first = await pages.next();
    return (async function* () {
      if (first.done) return;
      yield first.value.map(lineOf).join('');
      for await (const page of pages) yield page.map(lineOf).join('');
    })();
  }
}

const dayBefore = (): string => new Date(Date.now() - DAY_MS).toISOString();

/** Of each attempt the checkpoint that it went on from; 0 is none. */
function checkpointsOf(facts: readonly Fact[]): (number | null)[] {
  let state: TaskState = NO_TASK;
  const checkpoints: (number | null)[] = [];
  for (const fact of facts) {
    state = evolve(state, fact);
    if (fact.kind === 'started')
      checkpoints.push(state.phase === 'none' || state.checkpoint === 0 ? null : state.checkpoint);
  }
  return checkpoints;
}

async function* linesOf(facts: readonly ExportedFact[]): AsyncGenerator<string> {
  for (let at = 0; at < facts.length; at += LINES_AT_ONCE)
    yield await Promise.resolve(
      facts
        .slice(at, at + LINES_AT_ONCE)
        .map(lineOf)
        .join(''),
    );
}

const exportedOf = ({ sequence, id, task_id, queue, kind, at, actor, prev, data }: Fact): ExportedFact => ({
  sequence,
  event_id: id,
  task_id,
  queue,
  kind,
  at,
  actor,
  prev,
  data: JSON.stringify(data),
});
