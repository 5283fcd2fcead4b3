import { Inject, Injectable } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { AUDIT, TaskLog } from '@millrace/log';
import type { AuditEntry, AuditNote } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import { LOGGER } from '../gateway.constants.js';
import { StrangerLimit } from './stranger-limit.js';

/** A note is written when so many commands wait for it, or the first has waited for so long. */
const NOTE_ENTRIES = 500;
const NOTE_AFTER_MS = 50;
/** Commands that wait while the log is away: about 20 MB. */
const WAITING_AT_MOST = 50_000;
/** An answer waits no longer for its entry, which is then written later. */
const KEPT_WITHIN_MS = 2_000;
const LAST_NOTE_WITHIN_MS = 5_000;

/** Writes what was commanded as notes of one chain, several commands to a note. */
@Injectable()
export class AuditTrail implements OnApplicationShutdown {
  readonly #gateway = crypto.randomUUID().slice(0, 8);
  readonly #strangers = new StrangerLimit();
  readonly #stopped = new AbortController();
  readonly #waiting: AuditEntry[] = [];
  /** Entries that were taken in, and that were written or given up: counted since the start. */
  #taken = 0;
  #done = 0;
  #dropped = 0;
  #unlisted = 0;
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly log: TaskLog,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Takes a command in; it is in the log a moment later, but not if this process is killed before. */
  add(entry: AuditEntry): void {
    if (entry.actor === undefined && !this.#strangers.admits()) this.#unlisted++;
    else if (this.#waiting.length >= WAITING_AT_MOST) this.#dropped++;
    else {
      this.#waiting.push(entry);
      this.#taken++;
    }
    this.#seeToNext();
  }

  /** The same; resolves once it is in the log, or after two seconds. */
  async keep(entry: AuditEntry): Promise<void> {
    this.add(entry);
    await within(KEPT_WITHIN_MS, this.#untilDone(this.#taken));
  }

  async onApplicationShutdown(): Promise<void> {
    // Once more for what is only counted.
    const last = this.#untilDone(this.#taken).then(() => this.#write());
    await within(LAST_NOTE_WITHIN_MS, last);
    this.#stopped.abort(new Error('The gateway has stopped.'));
    clearTimeout(this.#timer);
  }

  async #untilDone(count: number): Promise<void> {
    while (this.#done < count && !this.#stopped.signal.aborted) await this.#write();
  }

  #seeToNext(): void {
    if (this.#writing || this.#stopped.signal.aborted) return;
    if (this.#waiting.length >= NOTE_ENTRIES) void this.#write();
    else this.#timer ??= setTimeout(() => void this.#write(), NOTE_AFTER_MS);
  }

  /** One note at a time: the next one names it. */
  #write(): Promise<void> {
    return (this.#writing ??= this.#writeNote().finally(() => {
      this.#writing = undefined;
      if (this.#waiting.length > 0 || this.#unlisted > 0) this.#seeToNext();
    }));
  }

  async #writeNote(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const note = this.#nextNote();
    if (note.entries.length === 0 && !note.dropped && !note.unlisted) return;
    try {
      // As long as it takes: what comes meanwhile waits, within its bounds.
      await this.log.noteInChain(AUDIT.noun, AUDIT.verb, note, { signal: this.#stopped.signal });
    } catch (error) {
      this.#dropped += note.entries.length + (note.dropped ?? 0) + (note.unlisted ?? 0);
      this.logger.error({ err: error, commands: note.entries.length }, 'The audit could not be written');
    }
    this.#done += note.entries.length;
  }

  /** In the order that the hash wants, so that nothing has to be sorted. */
  #nextNote(): AuditNote & { actor: string; at: string } {
    const note = {
      actor: 'gateway',
      at: new Date().toISOString(),
      ...(this.#dropped > 0 && { dropped: this.#dropped }),
      entries: this.#waiting.splice(0, NOTE_ENTRIES),
      gateway: this.#gateway,
      ...(this.#unlisted > 0 && { unlisted: this.#unlisted }),
    };
    this.#dropped = 0;
    this.#unlisted = 0;
    return note;
  }
}

/** Waits for it, but no longer. */
async function within(ms: number, done: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([done, late]);
  clearTimeout(timer);
}
