import { subjects } from '@millrace/log';
import type { StoredMessage, TaskLog } from '@millrace/log';
import {
  ALL_TABLES,
  LiveTables,
  ProjectionConnection,
  compareRebuilt,
  dropIndexes,
  dropSchema,
  migrate,
  openDatabase,
  renameSchema,
  repairArchive,
  swapRebuilt,
  takeOver,
} from '@millrace/read-model';
import type { Comparison, Database, Swapped, TaskProjection } from '@millrace/read-model';
import { withdrawAnchors } from '../anchors/withdraw-anchors.js';
import { batchesOf } from '../batches.js';
import { readMessages } from '../log-messages.js';
import { optionsAt } from '../metrics-keeper.js';
import type { MetricsKept } from '../metrics-keeper.js';
import { TwoAtOnce } from '../two-at-once.js';
import { archivedMessage } from './archived-message.js';
import { readLog } from './read-log.js';

export interface RebuildOptions {
  log: TaskLog;
  databaseUrl: string;
  /** The Postgres schema to build in; what is in it goes. Defaults to {@link REBUILD_SCHEMA}. */
  schema?: string;
  /**
   * `archive`: what the log no longer has is read from the archive of the tables in use. `log`: tasks that began before the log are
   * taken over as they are. Defaults to `log`.
   */
  from?: 'archive' | 'log';
  /** Goes on with the tables in {@link PREVIOUS_SCHEMA} instead of fresh ones. Defaults to false. */
  isContinued?: boolean;
  /** Messages in one transaction at most. Defaults to 4000. */
  batch?: number;
  /** How long minutes and hours of the metrics are kept. Defaults to 48 hours and 90 days. */
  kept?: MetricsKept;
  /** Ends it. */
  signal?: AbortSignal;
}

/** Where tables are built. */
export const REBUILD_SCHEMA = 'millrace_rebuild';
/** Where the tables are kept that were in use before the last swap. */
export const PREVIOUS_SCHEMA = 'millrace_previous';

const DEFAULT_BATCH = 4000;
const DEFAULT_KEPT = { MILLRACE_METRICS_MINUTES_KEPT_HOURS: 48, MILLRACE_METRICS_HOURS_KEPT_DAYS: 90 };
/** Written without their indexes, which are made at once when all is there. */
const INDEXED = ['tasks', 'failures', 'task_events'];
const INDEXED_WITHIN_MS = 6 * 3_600_000;
const NO_LAG = { lag_ms: 0, lag_messages: 0 };
/** The tables in use move on meanwhile: as near as this the rest is done while the projector is held. */
const NEAR = 500;
const ROUNDS = 20;

/** Another process builds in the same schema. */
export class RebuildRunsError extends Error {
  override readonly name = 'RebuildRunsError';

  constructor() {
    super('Another process rebuilds the tables.');
  }
}

/** Fresh tables, folded from the first fact on. The tables in use are not touched before they are swapped. */
export class Rebuild {
  /** Facts and fired timers that were folded so far. */
  done = 0;
  /** About as many as there are. */
  total = 0;
  phase: 'reading-archive' | 'reading-log' = 'reading-archive';
  /** Make the indexes that the tables lack. */
  #indexes: string[] = [];
  /** Of the last message that was taken to be folded. */
  #taken = 0;
  /** Facts below are not wanted. */
  #floor = 0;
  /** The first sequence that came from the log. */
  #logFrom = 0;
  readonly #writing = new TwoAtOnce();
  #isWhole = true;
  #isBuilt = false;
  #isSwapped = false;

  private constructor(
    private readonly options: Required<Omit<RebuildOptions, 'signal'>> & { signal: AbortSignal },
    private readonly connection: ProjectionConnection,
    private readonly projection: TaskProjection,
    private readonly database: Database,
    private readonly live: LiveTables,
    /** Of the tables in use, when it began. */
    private readonly generation: number,
  ) {}

  /** @throws RebuildRunsError */
  static async open(given: RebuildOptions): Promise<Rebuild> {
    const defaults = {
      schema: REBUILD_SCHEMA,
      batch: DEFAULT_BATCH,
      from: 'log',
      isContinued: false,
      kept: DEFAULT_KEPT,
    } as const;
    const options = { ...defaults, signal: new AbortController().signal, ...given };
    const { log, databaseUrl, schema, isContinued } = options;
    await migrate(databaseUrl);
    const connection = await ProjectionConnection.open(databaseUrl, { schema });
    const database = openDatabase(databaseUrl, {
      applicationName: 'millrace-rebuild',
      connections: 2,
      readTimeoutMs: INDEXED_WITHIN_MS,
    });
    try {
      if (!(await connection.tryLock())) throw new RebuildRunsError();
      await dropSchema(databaseUrl, schema);
      if (isContinued) await renameSchema(databaseUrl, PREVIOUS_SCHEMA, schema);
      await migrate(databaseUrl, { schema });
      const live = new LiveTables(database);
      const { createdAt } = await log.admin.state();
      const generation = (await live.offset())?.generation ?? 0;
      return new Rebuild(options, connection, await connection.resume(createdAt), database, live, generation);
    } catch (error) {
      await Promise.all([connection.close(), database.close()]);
      throw error;
    }
  }

  /** The last message that is in the tables. */
  get sequence(): number {
    return this.projection.sequence;
  }

  /** Folds all facts that there are, until the tables are nearly as far as those in use. */
  async build(): Promise<void> {
    if (this.#isBuilt) return;
    this.#isBuilt = true;
    const { log, databaseUrl, schema, from, isContinued } = this.options;
    const { firstSequence, messages } = await log.admin.state();
    const isArchiveRead = from === 'archive' || isContinued;
    this.#floor = isArchiveRead ? 0 : firstSequence;
    this.total = messages + (isArchiveRead ? await this.live.count(firstSequence) : 0);
    if (!isContinued) {
      const tables = INDEXED.map((table) => `${schema}.${table}`);
      this.#indexes = await dropIndexes(this.database, tables, { keys: false });
    }
    if (isContinued) this.#isWhole = (await this.connection.offset())?.generation === ALL_TABLES;
    else {
      const taken = await takeOver(databaseUrl, { rebuilt: schema, below: firstSequence, isArchiveRead });
      this.#isWhole = taken === 0 && (isArchiveRead || firstSequence <= 1);
    }
    await this.#readArchive(firstSequence, false);
    this.phase = 'reading-log';
    this.#logFrom = Math.max(firstSequence, this.sequence + 1);
    await this.#comeNear();
    for (const statement of this.#indexes) await this.database.rows(statement);
    await this.#comeNear();
  }

  /** Folds the log up to the sequence. Defaults to its end. */
  async catchUp(sequence?: number): Promise<void> {
    const { log } = this.options;
    const end = sequence ?? (await log.read.lastOn(subjects.allTasks))?.sequence ?? 0;
    while (this.sequence < end) {
      const { firstSequence } = await log.admin.state();
      await this.#readArchive(firstSequence, true);
      const next = await log.read.nextOn(subjects.allTasks, this.sequence + 1);
      if (!next || next.sequence > end) return;
      // Of what has left the log the archive has all; what it does not have was no fact.
      await this.#follow(end, firstSequence - 1);
    }
  }

  /** Compares with the tables in use, all columns of both. */
  async compare(): Promise<Comparison> {
    const { databaseUrl, schema, from, isContinued } = this.options;
    await this.build();
    await this.#comeNear();
    return compareRebuilt(databaseUrl, {
      rebuilt: schema,
      generation: this.generation,
      from: from === 'archive' || isContinued ? 0 : this.#floor,
      archiveFrom: this.#logFrom,
      ...this.#foldedFrom(),
      catchUp: (sequence) => this.catchUp(sequence),
    });
  }

  /** Puts the tables in the place of those in use, which are kept in {@link PREVIOUS_SCHEMA}. Close it afterwards. */
  async swap(): Promise<Swapped> {
    const { log, databaseUrl, schema } = this.options;
    await this.build();
    await this.#comeNear();
    if (this.#isWhole) await this.#rollUp();
    const from = this.#logFrom;
    const beforeRepair = (): Promise<void> => withdrawAnchors(log, from - 1, 'The archive was repaired.');
    // What was anchored while it was being repaired is withdrawn, too.
    if ((await repairArchive(databaseUrl, { rebuilt: schema, from, beforeRepair })) > 0) await beforeRepair();
    const swapped = await swapRebuilt(databaseUrl, {
      rebuilt: schema,
      previous: PREVIOUS_SCHEMA,
      generation: this.generation,
      isWhole: this.#isWhole,
      catchUp: (sequence) => this.catchUp(sequence),
    });
    this.#isSwapped = true;
    return swapped;
  }

  /** Removes the tables unless they are to be kept or were swapped in; those it went on with go back to where they were. */
  async close({ keep = false } = {}): Promise<void> {
    const { databaseUrl, schema, isContinued } = this.options;
    await Promise.all([this.connection.close(), this.database.close()]);
    if (keep || this.#isSwapped) return;
    if (isContinued) await renameSchema(databaseUrl, schema, PREVIOUS_SCHEMA);
    else await dropSchema(databaseUrl, schema);
  }

  /** Sums of all facts can be compared where all were folded, or where it is known which were not. */
  #foldedFrom(): { foldedFrom?: number } {
    if (this.#isWhole) return { foldedFrom: 0 };
    return this.#floor > 0 ? { foldedFrom: this.#floor } : {};
  }

  /** As the tables in use are. */
  async #rollUp(): Promise<void> {
    const options = optionsAt(Date.now(), this.options.kept);
    while (!(await this.projection.rollUpMetrics(options)).done) this.options.signal.throwIfAborted();
  }

  async #comeNear(): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      const before = this.sequence;
      await this.catchUp((await this.live.offset())?.sequence);
      if (this.sequence - before < NEAR) return;
    }
  }

  /** Folds what has left the log, or leaves it while it is being read. */
  async #readArchive(below: number, isMeanwhile: boolean): Promise<void> {
    const { batch, signal } = this.options;
    const page = (after: number): ReturnType<LiveTables['page']> => this.live.page(after, below, batch);
    this.projection.isArchiving = isMeanwhile;
    let next = page(Math.max(this.sequence, this.#floor - 1));
    for (let facts = await next; facts.length > 0; facts = await next) {
      signal.throwIfAborted();
      // The next page comes while this one is written.
      next = page(facts.at(-1)?.sequence ?? below);
      next.catch(() => undefined);
      await this.#apply(facts.map(archivedMessage));
    }
    await this.#writing.ended();
    this.projection.isArchiving = true;
  }

  /** Until the sequence, the end of what was there, or until something has left the log that was not read; up to `read` all was. */
  async #follow(end: number, read: number): Promise<void> {
    const { log, batch, signal } = this.options;
    this.#taken = Math.max(this.sequence, read);
    const onMessages = async (messages: StoredMessage[]): Promise<boolean> => {
      // Asked after they came: what was there then came before them.
      const { firstSequence } = await log.admin.state();
      if (firstSequence > Math.max(this.#taken + 1, this.#floor)) return false;
      await this.#apply(messages);
      return true;
    };
    await readLog({ log, from: this.sequence + 1, end, batch, signal, onMessages });
    await this.#writing.ended();
  }

  async #apply(messages: StoredMessage[]): Promise<void> {
    for (const batch of batchesOf(messages, this.options.batch)) {
      this.#taken = batch.at(-1)?.sequence ?? this.#taken;
      await this.#writing.begin(async () => {
        await this.projection.apply(
          readMessages(batch, () => undefined),
          NO_LAG,
        );
        this.done += batch.length;
      });
    }
  }
}
