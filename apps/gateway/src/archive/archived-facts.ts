import type { Fact } from '@millrace/domain';
import { TaskQueries, exportFacts } from '@millrace/read-model';
import type { Database, EventRange, ExportFilter, ExportedFact, TaskEventRow } from '@millrace/read-model';
import type { ArchiveGuard } from './archive-guard.js';

const AT_ONCE = 1_000;

/** The facts of the log that Postgres keeps. */
export class ArchivedFacts {
  readonly #queries: TaskQueries;

  constructor(
    private readonly guard: ArchiveGuard,
    private readonly database: Database,
  ) {
    this.#queries = guard.over(new TaskQueries(database));
  }

  /** The fact of a sequence; undefined when the archive has none. */
  async get(sequence: number): Promise<Fact | undefined> {
    const row = await this.#queries.event(sequence);
    return row && factOf(row);
  }

  /** All facts of a task, in order; only those after a sequence, if one is said. */
  async ofTask(taskId: string, afterSequence = 0): Promise<Fact[]> {
    const facts: Fact[] = [];
    for (;;) {
      const after = facts.at(-1)?.sequence ?? afterSequence;
      const rows = await this.#queries.events(taskId, { after, limit: AT_ONCE });
      facts.push(...rows.map(factOf));
      if (rows.length < AT_ONCE) return facts;
    }
  }

  /** Facts of all tasks between two sequences, in order. */
  async between(range: EventRange): Promise<Fact[]> {
    return (await this.#queries.eventsBetween(range)).map(factOf);
  }

  /** The facts of a span of time, page by page, as they are asked for. */
  async *export(filter: ExportFilter): AsyncGenerator<ExportedFact[]> {
    const pages = exportFacts(this.database, filter);
    for (;;) {
      const page = await this.guard.ask(() => pages.next());
      if (page.done) return;
      yield page.value;
    }
  }
}

const factOf = ({ event_id, ...row }: TaskEventRow): Fact => ({ ...row, id: event_id }) as unknown as Fact;
