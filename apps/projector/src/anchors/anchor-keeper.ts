import { setTimeout as sleep } from 'node:timers/promises';
import { ANCHOR } from '@millrace/log';
import type { TaskLog } from '@millrace/log';
import { ArchiveDigester } from '@millrace/read-model';
import type { Logger } from '@millrace/runtime';
import type { ProjectorConfig } from '../config.js';
import { NOTE_DEADLINE_MS } from '../projector.constants.js';
import { anchorOf, nextToAnchor } from './anchor.js';

/** A range takes some tens of milliseconds of Postgres. */
const SEQUENCES = 10_000;
/** Between ranges, so that catching up with 40,000 sequences a second leaves Postgres to others. */
const REST_MS = 200;
const AGAIN_MS = 60_000;

/**
 * Notes in the chain of the audit, now and then, what the archive holds: what is changed in it later is found out. Beside the projection,
 * over a connection of its own, and for as long as the session lasts, which has seen that log and archive belong together.
 */
export class AnchorKeeper {
  readonly #stopped = new AbortController();
  #done: Promise<void> | undefined;

  constructor(
    private readonly log: TaskLog,
    private readonly config: ProjectorConfig,
    private readonly logger: Logger,
  ) {}

  start(): void {
    if (this.config.MILLRACE_AUDIT_ANCHOR_SECONDS > 0) this.#done ??= this.#run();
  }

  /** Ends after the range in hand. Safe before start and twice. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    const everyMs = this.config.MILLRACE_AUDIT_ANCHOR_SECONDS * 1_000;
    // What was just started has other things to do.
    await this.#rest(Math.min(everyMs, AGAIN_MS));
    while (!signal.aborted) {
      const restMs = await this.#pass().then(
        () => everyMs,
        (error: unknown) => {
          if (!signal.aborted)
            this.logger.warn({ err: error }, 'The archive could not be anchored; trying again');
          return Math.min(everyMs, AGAIN_MS);
        },
      );
      await this.#rest(restMs);
    }
  }

  async #pass(): Promise<void> {
    const { signal } = this.#stopped;
    const digester = await ArchiveDigester.open(this.config.DATABASE_URL);
    try {
      // A withdrawal that comes meanwhile is not known to these anchors: the next pass begins where it leads to.
      const { from, withdrawal } = await nextToAnchor(this.log);
      let range = await digester.next(from, SEQUENCES);
      while (range && !signal.aborted) {
        const note = { actor: 'projector', at: new Date().toISOString(), ...anchorOf(range, withdrawal) };
        await this.log.noteInChain(ANCHOR.noun, ANCHOR.verb, note, { deadlineMs: NOTE_DEADLINE_MS, signal });
        await this.#rest(REST_MS);
        range = await digester.next(range.to + 1, SEQUENCES);
      }
    } finally {
      await digester.close();
    }
  }

  async #rest(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
  }
}
