import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { RELEASE, TaskLog } from '@millrace/log';
import { ArchiveTrimmer } from '@millrace/read-model';
import type { Trimmed } from '@millrace/read-model';
import { BackgroundLoop } from '@millrace/runtime';
import type { Logger } from '@millrace/runtime';
import type { ProjectorConfig } from './config.js';
import { bringUpToDate } from './projection-session.js';
import { CONFIG, LOGGER, NOTE_DEADLINE_MS } from './projector.constants.js';

const DAY_MS = 86_400_000;
const FIRST_AFTER_MS = 5_000;
const EVERY_MS = 3_600_000;
/** There is more, or it could not be done. */
const AGAIN_MS = 60_000;
/** Of a thousand notes each. */
const NOTE_STEPS = 10;

/**
 * Lets go of what is older than the settings say: days of the archive of facts, and the oldest of the archive of `OPS`. What goes is noted
 * in the chain of the audit before it goes, so that it can be told from what somebody took out.
 */
@Injectable()
export class ArchiveKeeper implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #loop = new BackgroundLoop({
    // What was just started has other things to do.
    firstAfterMs: FIRST_AFTER_MS,
    pass: (signal) => this.#pass(signal),
    retryMs: AGAIN_MS,
    onFailure: (error) => {
      this.logger.warn({ err: error, retry_ms: AGAIN_MS }, 'The archive could not be trimmed; trying again');
    },
  });
  /** Days that were noted as released: of those that are still needed, once. */
  readonly #released = new Set<string>();

  constructor(
    @Inject(CONFIG) private readonly config: ProjectorConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    const { MILLRACE_ARCHIVE_RETENTION_DAYS, MILLRACE_AUDIT_RETENTION_DAYS } = this.config;
    if (MILLRACE_ARCHIVE_RETENTION_DAYS + MILLRACE_AUDIT_RETENTION_DAYS > 0) this.#loop.start();
  }

  /** Ends after the pass in hand. */
  beforeApplicationShutdown(): Promise<void> {
    return this.#loop.stop();
  }

  async #pass(signal: AbortSignal): Promise<number> {
    const { config, logger } = this;
    await bringUpToDate({ config, logger });
    const trimmer = await ArchiveTrimmer.open(this.config.DATABASE_URL);
    try {
      if (!(await trimmer.tryLock())) return EVERY_MS;
      const hasMore = [await this.#trimFacts(trimmer), await this.#trimNotes(trimmer, signal)];
      return hasMore.includes(true) ? AGAIN_MS : EVERY_MS;
    } finally {
      await trimmer.close();
    }
  }

  /** Whether there may be more to do. */
  async #trimFacts(trimmer: ArchiveTrimmer): Promise<boolean> {
    const before = timeBefore(this.config.MILLRACE_ARCHIVE_RETENTION_DAYS);
    if (!before) return false;
    const days = (await trimmer.oldDays(before)).filter((day) => !this.#released.has(day));
    if (days.length > 0) await this.#release({ days });
    for (const day of days) this.#released.add(day);
    const trimmed = await trimmer.trim(before);
    for (const kept of trimmed?.kept ?? [])
      this.logger.info(kept, 'A day of the archive stays: tasks that have not ended need it');
    if (!trimmed || trimmed.days.length + trimmed.tasks + trimmed.failures === 0) return false;
    await this.#tell(before, trimmed);
    return true;
  }

  /** The same of the archive of `OPS`; the stream itself keeps everything. */
  async #trimNotes(trimmer: ArchiveTrimmer, signal: AbortSignal): Promise<boolean> {
    const before = timeBefore(this.config.MILLRACE_AUDIT_RETENTION_DAYS);
    if (!before) return false;
    await trimmer.removeLostNotes(before);
    let removed = 0;
    for (let step = 0; step < NOTE_STEPS && !signal.aborted; step++) {
      const firstKept = await trimmer.firstKeptNote(before);
      if (firstKept === undefined) break;
      await this.#release({ notes_before: firstKept });
      removed += await trimmer.removeNotes(firstKept);
    }
    if (removed > 0) this.logger.info({ notes: removed, before }, 'The archive of operations was trimmed');
    return removed > 0;
  }

  #release(what: { days: string[] } | { notes_before: number }): Promise<void> {
    const note = { actor: 'projector', at: new Date().toISOString(), ...what };
    return this.#withLog((log) =>
      log.noteInChain(RELEASE.noun, RELEASE.verb, note, { deadlineMs: NOTE_DEADLINE_MS }),
    );
  }

  async #tell(before: Date, { days, kept, ...rows }: Trimmed): Promise<void> {
    const note = {
      at: new Date().toISOString(),
      actor: 'projector',
      before: before.toISOString(),
      days,
      ...rows,
    };
    this.logger.info({ ...note, days_kept: kept.length }, 'The archive was trimmed');
    await this.#withLog((log) => log.note('archive', 'trimmed', note, { deadlineMs: NOTE_DEADLINE_MS }));
  }

  async #withLog(write: (log: TaskLog) => Promise<unknown>): Promise<void> {
    const log = await TaskLog.open({ url: this.config.NATS_URL, name: 'archive' });
    try {
      await write(log);
    } finally {
      await log.close();
    }
  }
}

/** Undefined when it is for ever. */
const timeBefore = (days: number): Date | undefined =>
  days > 0 ? new Date(Date.now() - days * DAY_MS) : undefined;
