import { setImmediate as turn } from 'node:timers/promises';
import type { Client } from 'pg';
import { writeFailures } from '../failures/failure.projection.js';
import { MetricsWriter } from '../metrics/metrics-writer.js';
import { rollUp } from '../metrics/roll-up.js';
import type { RollUpOptions, RolledUp } from '../metrics/roll-up.js';
import { ArchivePartitions } from '../task-events/partitions.js';
import { BatchFolder } from './batch-folder.js';
import type { Folded, Tasks } from './batch-folder.js';
import { fewWrites, knownWrites, wasMistaken, whateverWrites } from './batch-writer.js';
import type { BatchWrite } from './batch-writer.js';
import type { Lag, LogMessage } from './log-message.js';
import { OneAtATime } from './one-at-a-time.js';
import { Pipeline } from './pipeline.js';
import { beat } from './projection-lag.js';
import { OffsetMovedError, TablesSwappedError, isUnstorable } from './projection-errors.js';
import type { Statement } from './task-tables.js';

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

/** A batch as it is given, and what was read of it. */
interface GivenBatch {
  given: Iterable<LogMessage>;
  read?: LogMessage[];
  lag: Lag;
}

/** Messages that are not in the tables, what they come to, and what writes that. */
interface ReadyBatch {
  messages: readonly LogMessage[];
  folded: Folded;
  write: BatchWrite;
}

/** For a shorter batch a few prepared statements are cheaper than one for each kind of row. */
const LONG_BATCH = 50;
/** Messages that are read before whatever else waits has its turn. */
const IN_ONE_TURN = 100;
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
  /** Whether facts go into the archive, too; where they come from it they are there. To be changed while nothing is being applied. */
  isArchiving = true;
  readonly #folder: BatchFolder;
  readonly #partitions: ArchivePartitions;
  readonly #metrics: MetricsWriter;
  readonly #transactions = new OneAtATime();
  readonly #batches = new Pipeline<GivenBatch, ReadyBatch, Applied>({
    prepareAhead: (batch) => this.#readyAhead(batch),
    prepare: (batch) => this.#transactions.run(() => this.#ready(batch)),
    finish: (batch, ready) => this.#transactions.run(() => this.#write(ready, batch.lag)),
    repair: (batch, error, ready) => this.#transactions.run(() => this.#repair(batch, error, ready)),
  });
  readonly #name: string;
  readonly #generation: number;
  #offset: number;
  /** Sequence of the last message that was folded. */
  #folded: number;

  constructor(
    private readonly client: Client,
    { name, sequence, generation }: ProjectionPlace,
    knownTasks: number,
  ) {
    this.#name = name;
    this.#generation = generation;
    this.#offset = sequence;
    this.#folded = sequence;
    this.#folder = new BatchFolder(client, knownTasks);
    this.#partitions = new ArchivePartitions(client);
    this.#metrics = new MetricsWriter(client);
  }

  /** Sequence of the last message that is in the tables. */
  get sequence(): number {
    return this.#offset;
  }

  /**
   * Writes what the messages say, which must be in the order of the log without a gap, after those of the call before. That one need not
   * have ended: a batch is read and folded while the one before is written. A message that Postgres will never take (a number too large,
   * a JSON too deep) is found by halving the batch, and passed over like junk. Once a batch has failed all later ones fail, too, or what
   * was lost would be passed over.
   *
   * @throws OffsetMovedError when somebody else wrote meanwhile: begin anew from the offset in the table
   * @throws TablesSwappedError when the tables are others: the same
   */
  apply(messages: Iterable<LogMessage>, lag: Lag): Promise<Applied> {
    return this.#batches.push({ given: messages, lag });
  }

  /** Adds minutes that are over to hours and days, and drops what is old, between two batches. */
  rollUpMetrics(options: RollUpOptions): Promise<RolledUp> {
    return this.#transactions.run(async () => {
      this.#metrics.forgetAll();
      return rollUp(this.client, options);
    });
  }

  /** A sign of life while nothing is to be written; the connection is for one at a time. */
  beat(lag: Lag): Promise<void> {
    return this.#transactions.run(() => beat(this.client, this.#name, lag));
  }

  async #readyAhead(batch: GivenBatch): Promise<ReadyBatch | undefined> {
    const messages = await freshOf(batch, this.#folded);
    const folded = await this.#folder.foldAhead(messages);
    return folded && this.#readied(messages, folded);
  }

  async #ready(batch: GivenBatch): Promise<ReadyBatch> {
    return this.#folding(await freshOf(batch, this.#offset));
  }

  async #folding(messages: readonly LogMessage[]): Promise<ReadyBatch> {
    return this.#readied(messages, await this.#folder.fold(messages));
  }

  async #readied(messages: readonly LogMessage[], folded: Folded): Promise<ReadyBatch> {
    this.#folded = messages.at(-1)?.sequence ?? this.#folded;
    const write = messages.length < LONG_BATCH ? fewWrites : knownWrites;
    return { messages, folded, write: await write(this.#written(folded)) };
  }

  #written(folded: Folded): Folded {
    return this.isArchiving ? folded : { ...folded, facts: [] };
  }

  async #write({ messages, folded, write }: ReadyBatch, lag: Lag): Promise<Applied> {
    const last = messages.at(-1);
    if (!last) return NOTHING;
    if (this.isArchiving) await this.#partitions.cover(folded.facts);
    const metrics = await this.#metrics.added(folded.tally);
    await this.client.query('BEGIN');
    await this.#moveOffset(last, folded.ignored.length, lag);
    await write(this.client);
    if (folded.failures.length > 0) await writeFailures(this.client, folded.failures);
    if (folded.emptied.length > 0) await this.client.query(emptyParameters(folded.emptied));
    await this.#metrics.write(metrics);
    await this.client.query('COMMIT');
    this.#metrics.remember(metrics);
    this.#folder.settle(folded);
    this.#offset = last.sequence;
    return { facts: folded.facts.length, tasks: folded.tasks.size, ignored: folded.ignored };
  }

  async #repair(batch: GivenBatch, error: unknown, ready: ReadyBatch | undefined): Promise<Applied> {
    return this.#writeAnew(await freshOf(batch, this.#offset), batch.lag, error, ready);
  }

  /** What could not be written as it was thought to be. */
  async #writeAnew(
    messages: readonly LogMessage[],
    lag: Lag,
    error: unknown,
    ready?: ReadyBatch,
  ): Promise<Applied> {
    // When the connection is gone the transaction is too, and the first error says more.
    await this.client.query('ROLLBACK').catch(() => undefined);
    this.#folder.forgetAll();
    this.#metrics.forgetAll();
    this.#folded = this.#offset;
    if (wasMistaken(error)) return this.#writeWhatever(messages, lag, ready?.folded.stored ?? new Map());
    const [only, ...more] = messages;
    if (!only || !isUnstorable(error)) throw error;
    if (more.length === 0) return this.#write(await this.#folding([{ ...only, type: 'junk' }]), lag);
    const half = Math.ceil(messages.length / 2);
    const first = await this.#attempt(messages.slice(0, half), lag);
    return sumOf(first, await this.#attempt(messages.slice(half), lag));
  }

  async #attempt(messages: readonly LogMessage[], lag: Lag): Promise<Applied> {
    let ready: ReadyBatch | undefined;
    try {
      ready = await this.#folding(messages);
      return await this.#write(ready, lag);
    } catch (error) {
      return this.#writeAnew(messages, lag, error, ready);
    }
  }

  async #writeWhatever(messages: readonly LogMessage[], lag: Lag, gone: Tasks): Promise<Applied> {
    try {
      const folded = await this.#folder.foldAnew(messages, gone);
      return await this.#write({ messages, folded, write: whateverWrites(this.#written(folded)) }, lag);
    } catch (error) {
      if (wasMistaken(error)) throw error;
      return this.#writeAnew(messages, lag, error);
    }
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

/** The messages of a batch beyond a sequence. They are read once, and whatever else waits has its turn meanwhile. */
async function freshOf(batch: GivenBatch, beyond: number): Promise<LogMessage[]> {
  batch.read ??= await readInTurns(batch.given);
  return batch.read.filter(({ sequence }) => sequence > beyond);
}

async function readInTurns(given: Iterable<LogMessage>): Promise<LogMessage[]> {
  const read: LogMessage[] = [];
  for (const message of given) if (read.push(message) % IN_ONE_TURN === 0) await turn();
  return read;
}

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
