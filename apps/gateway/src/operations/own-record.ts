import type { Bucket, OperationRecord } from '@millrace/log';
import type { Logger } from '@millrace/runtime';

const TELL_EVERY_MS = 1_000;

/** The record of an operation that runs here: kept up once a second, which is its sign of life and how it hears that it is to stop. */
export class OwnRecord {
  readonly #stopped = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #telling: Promise<void> = Promise.resolve();
  #isTelling = false;

  private constructor(
    private readonly bucket: Bucket<OperationRecord>,
    private readonly logger: Logger,
    private record: OperationRecord,
    private revision: number,
    private readonly progress: () => Partial<OperationRecord>,
  ) {
    this.#timer = setInterval(() => this.#beat(), TELL_EVERY_MS);
  }

  /**
   * @param progress what is new, asked each time it is told
   * @throws LogUnavailableError
   */
  static async make(
    bucket: Bucket<OperationRecord>,
    logger: Logger,
    record: OperationRecord,
    progress: () => Partial<OperationRecord>,
  ): Promise<OwnRecord> {
    const revision = await bucket.put(record.operation_id, record);
    return new OwnRecord(bucket, logger, record, revision, progress);
  }

  /** Aborts with a sentence when somebody wants it to stop. */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  get value(): OperationRecord {
    return this.record;
  }

  /** Tells the end. A record that cannot be told stays as it was, and will be taken for interrupted: its tasks know better. */
  async end(last: Partial<OperationRecord>): Promise<OperationRecord> {
    clearInterval(this.#timer);
    await this.#telling;
    await this.#tell({ ...last, finished_at: new Date().toISOString() });
    return this.record;
  }

  #beat(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#telling = this.#tell({}).finally(() => (this.#isTelling = false));
  }

  async #tell(more: Partial<OperationRecord>): Promise<void> {
    const news = { ...this.progress(), ...more, alive_at: new Date().toISOString() };
    this.record = { ...this.record, ...news };
    const key = this.record.operation_id;
    try {
      for (;;) {
        const revision = await this.bucket.update(key, this.record, this.revision);
        if (revision !== undefined) {
          this.revision = revision;
          return;
        }
        const entry = await this.bucket.get(key);
        if (!entry) return;
        this.revision = entry.revision;
        this.#hear(entry.value);
      }
    } catch (error) {
      this.logger.warn({ err: error, operation_id: key }, 'The progress of an operation could not be told');
    }
  }

  #hear({ stop }: OperationRecord): void {
    if (!stop) return;
    this.record = { ...this.record, stop };
    this.#stopped.abort(`Stopped by ${stop.actor}.`);
  }
}
