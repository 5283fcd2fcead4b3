import { ANCHOR } from '@millrace/log';
import type { TaskLog } from '@millrace/log';
import { ArchiveDigester } from '@millrace/read-model';
import { BackgroundLoop, rest } from '@millrace/runtime';
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
  readonly #loop: BackgroundLoop;

  constructor(
    private readonly log: TaskLog,
    private readonly config: ProjectorConfig,
    private readonly logger: Logger,
  ) {
    const everyMs = config.MILLRACE_AUDIT_ANCHOR_SECONDS * 1_000;
    const againMs = Math.min(everyMs, AGAIN_MS);
    this.#loop = new BackgroundLoop({
      // What was just started has other things to do.
      firstAfterMs: againMs,
      pass: (signal) => this.#anchor(signal).then(() => everyMs),
      retryMs: againMs,
      onFailure: (error) => {
        this.logger.warn({ err: error }, 'The archive could not be anchored; trying again');
      },
    });
  }

  start(): void {
    if (this.config.MILLRACE_AUDIT_ANCHOR_SECONDS > 0) this.#loop.start();
  }

  /** Ends after the range in hand. Safe before start and twice. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #anchor(signal: AbortSignal): Promise<void> {
    const digester = await ArchiveDigester.open(this.config.DATABASE_URL);
    try {
      // A withdrawal that comes meanwhile is not known to these anchors: the next pass begins where it leads to.
      const { from, withdrawal } = await nextToAnchor(this.log);
      let range = await digester.next(from, SEQUENCES);
      while (range && !signal.aborted) {
        const note = { actor: 'projector', at: new Date().toISOString(), ...anchorOf(range, withdrawal) };
        await this.log.noteInChain(ANCHOR.noun, ANCHOR.verb, note, { deadlineMs: NOTE_DEADLINE_MS, signal });
        await rest(REST_MS, signal);
        range = await digester.next(range.to + 1, SEQUENCES);
      }
    } finally {
      await digester.close();
    }
  }
}
