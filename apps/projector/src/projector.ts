import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { TaskLog } from '@millrace/log';
import { TablesSwappedError, isDatabaseAway } from '@millrace/read-model';
import { onAbort, rest } from '@millrace/runtime';
import type { Logger, Telemetry } from '@millrace/runtime';
import type { ProjectorConfig } from './config.js';
import { CONFIG, LOGGER, TELEMETRY } from './projector.constants.js';
import { runOpsSession } from './ops-session.js';
import { runSession } from './projection-session.js';

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;
/** A session that has lasted so long was a good one: the next is tried at once. */
const GOOD_SESSION_MS = 10_000;

/**
 * Keeps the read models up with the log until it is stopped, over every outage of the broker and of Postgres. Whatever goes wrong ends
 * the session; the next one takes nothing for granted: tables, lock, offset and log are looked at anew.
 */
@Injectable()
export class Projector implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #stopped = new AbortController();
  #done: Promise<void> | undefined;
  /** Messages since the start. */
  #projected = 0;

  constructor(
    @Inject(CONFIG) private readonly config: ProjectorConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TELEMETRY) private readonly telemetry: Telemetry | undefined,
  ) {}

  onApplicationBootstrap(): void {
    this.#done ??= this.#run();
  }

  /** Ends after the batch in hand. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stopped.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    const log = await this.#untilDone('The broker', () => openLog(this.config, signal));
    if (!log) return;
    this.telemetry?.add('millrace_log_connected', () => [{ value: Number(log.connected) }]);
    this.telemetry?.add('millrace_projected_messages_total', () => [{ value: this.#projected }]);
    const onProjected = (messages: number): void => {
      this.#projected += messages;
    };
    const context = { log, config: this.config, logger: this.logger, signal, onProjected };
    await Promise.all([
      this.#untilDone('The projection', () => runSession(context)),
      this.#untilDone('The archive of operations', () => runOpsSession(context)),
    ]);
    await log.close();
  }

  /** Tries until it succeeds or the projector is stopped; waits longer each time, for as long as it takes. */
  async #untilDone<T>(what: string, attempt: () => Promise<T>): Promise<T | undefined> {
    const { signal } = this.#stopped;
    for (let waitMs = FIRST_RETRY_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
      const begun = performance.now();
      try {
        return await attempt();
      } catch (error) {
        if (performance.now() - begun > GOOD_SESSION_MS) waitMs = FIRST_RETRY_MS;
        if (!this.#stopped.signal.aborted) this.#tell(what, error, waitMs);
        await rest(waitMs, signal);
      }
    }
    return undefined;
  }

  #tell(what: string, error: unknown, waitMs: number): void {
    const reason = error instanceof Error ? error.message || error.name : String(error);
    if (error instanceof TablesSwappedError)
      this.logger.info('The tables were exchanged for others; going on with those');
    else if (isDatabaseAway(error))
      this.logger.warn({ reason, retry_ms: waitMs }, 'Postgres is away; trying again');
    else this.logger.error({ err: error, retry_ms: waitMs }, `${what} is not to be had; trying again`);
  }
}

/** Waits for the broker; gives up waiting when the projector is stopped. */
async function openLog(config: ProjectorConfig, signal: AbortSignal): Promise<TaskLog | undefined> {
  const stopped = new Promise<undefined>((resolve) => {
    onAbort(signal, () => {
      resolve(undefined);
    });
  });
  return Promise.race([TaskLog.open({ url: config.NATS_URL, name: 'projector' }), stopped]);
}
