import { streams, subjects } from '@millrace/log';
import type { StoredMessage, TaskLog } from '@millrace/log';
import { ProjectionConnection, compareRebuilt, dropSchema, migrate } from '@millrace/read-model';
import type { Comparison, TaskProjection } from '@millrace/read-model';
import { batchesOf } from './batches.js';
import { readMessage } from './log-messages.js';

export interface RebuildOptions {
  log: TaskLog;
  databaseUrl: string;
  /** The Postgres schema to build in; what is in it goes. Defaults to {@link REBUILD_SCHEMA}. */
  schema?: string;
  /** Messages in one transaction at most. Defaults to 1000. */
  batch?: number;
}

/** Where the tables are built that are only compared. */
export const REBUILD_SCHEMA = 'millrace_rebuild';

const DEFAULT_BATCH = 1000;
const NO_LAG = { lag_ms: 0, lag_messages: 0 };

/** Fresh tables, folded from the first message of the log on. The tables in use are not touched. */
export class Rebuild {
  private constructor(
    private readonly options: Required<RebuildOptions>,
    private readonly connection: ProjectionConnection,
    private readonly projection: TaskProjection,
  ) {}

  static async open(given: RebuildOptions): Promise<Rebuild> {
    const options = { schema: REBUILD_SCHEMA, batch: DEFAULT_BATCH, ...given };
    const { log, databaseUrl, schema } = options;
    await dropSchema(databaseUrl, schema);
    await migrate(databaseUrl, { schema });
    const connection = await ProjectionConnection.open(databaseUrl, { schema });
    const { createdAt } = await log.admin.state();
    return new Rebuild(options, connection, await connection.resume(createdAt));
  }

  /** The last message that is in the tables. */
  get sequence(): number {
    return this.projection.sequence;
  }

  /** Folds the log up to the sequence. Defaults to its end. */
  async catchUp(sequence?: number): Promise<void> {
    const { log, batch } = this.options;
    const end = sequence ?? (await log.read.lastOn(subjects.allTasks))?.sequence ?? 0;
    if (this.sequence >= end) return;
    await new Promise<void>((resolve, reject) => {
      const follower = log.follow({
        stream: streams.tasks.name,
        from: this.sequence + 1,
        filters: [subjects.allTasks],
        batch,
        onMessages: async (messages) => {
          try {
            await this.#apply(messages.filter((message) => message.sequence <= end));
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
            void follower.stop();
          }
          if ((messages.at(-1)?.sequence ?? 0) < end) return;
          void follower.stop();
          resolve();
        },
        onError: reject,
      });
    });
  }

  /** Compares with the tables in use, all columns of both; the projector waits meanwhile. */
  async compare(): Promise<Comparison> {
    const { log, databaseUrl, schema } = this.options;
    const { firstSequence } = await log.admin.state();
    return compareRebuilt(databaseUrl, {
      rebuilt: schema,
      from: firstSequence,
      catchUp: (sequence) => this.catchUp(sequence),
    });
  }

  /** Removes the tables unless they are to be kept. */
  async close({ keep = false } = {}): Promise<void> {
    await this.connection.close();
    if (!keep) await dropSchema(this.options.databaseUrl, this.options.schema);
  }

  async #apply(messages: StoredMessage[]): Promise<void> {
    for (const batch of batchesOf(messages, this.options.batch))
      await this.projection.apply(
        batch.map((message) => readMessage(message, () => undefined)),
        NO_LAG,
      );
  }
}
