import { effectiveRules } from '@millrace/domain';
import type { AlertRule, AlertSample } from '@millrace/domain';
import { LogUnavailableError } from '@millrace/log';
import type { AlertRecord, Entry, TaskLog } from '@millrace/log';
import { AlertQueries, QueueQueries, TaskQueries, isDatabaseAway } from '@millrace/read-model';
import type { Database } from '@millrace/read-model';
import type { AlertBook } from './alert-book.js';
import { Look } from './look.js';
import type { Sources } from './look.js';
import { MEASURES } from './measures.js';

export interface AlertWatchOptions {
  log: TaskLog;
  database: Database;
  book: AlertBook;
  storeLimitBytes: number;
}

/** The rules that hold now. */
export async function rulesOf(log: TaskLog): Promise<AlertRule[]> {
  const written = await log.buckets.alertRules.entries();
  return effectiveRules(written.map(({ value }) => value));
}

/**
 * Measures what the rules look at, and lets the book decide. Without Postgres the rules that need it are left as they are: nobody knows
 * whether their alerts are over.
 */
export class AlertWatch {
  readonly #sources: Sources;
  /** Milliseconds since the epoch. */
  #awaySince: number | undefined;

  constructor(private readonly options: AlertWatchOptions) {
    const { log, database, storeLimitBytes } = options;
    this.#sources = {
      log,
      storeLimitBytes,
      alerts: new AlertQueries(database),
      queues: new QueueQueries(database),
      tasks: new TaskQueries(database),
    };
  }

  /** One round, after which there is nothing more to do. */
  async round(signal: AbortSignal): Promise<boolean> {
    const { log, book } = this.options;
    if (!log.connected) throw new LogUnavailableError('The broker is away.');
    const rules = (await rulesOf(log)).filter(({ enabled }) => enabled);
    const known = await book.read();
    await book.tellLeftOver(known);
    await book.endAllBut(new Set(rules.map(({ name }) => name)), known);
    const look = await this.#look(known);
    const failures: unknown[] = [];
    for (const rule of rules) {
      if (signal.aborted) break;
      // A rule that cannot be looked after must not keep the others from it.
      const samples = await samplesOf(look, rule).catch((error: unknown) => void failures.push(error));
      if (samples) await book.observe(rule, samples, known, look.now);
    }
    if (failures.length > 0) throw failures[0];
    return false;
  }

  async #look(known: readonly Entry<AlertRecord>[]): Promise<Look> {
    const isThere = await this.options.database.isHealthy().catch(() => false);
    const now = Date.now();
    if (isThere) this.#awaySince = undefined;
    else this.#awaySince ??= awaySince(known) ?? now;
    const awaySeconds = this.#awaySince === undefined ? undefined : (now - this.#awaySince) / 1_000;
    return new Look(this.#sources, now, awaySeconds);
  }
}

/** As the leader before this one saw it. */
function awaySince(known: readonly Entry<AlertRecord>[]): number | undefined {
  const times = known
    .filter(({ value }) => value.metric === 'postgres_away')
    .flatMap(({ value: { raised_at, turned } }) => raised_at ?? turned.warning ?? turned.critical ?? []);
  return times.length > 0 ? Math.min(...times) : undefined;
}

async function samplesOf(look: Look, rule: AlertRule): Promise<AlertSample[] | undefined> {
  const { needsPostgres, of } = MEASURES[rule.metric];
  if (needsPostgres && look.postgresAwaySeconds !== undefined) return undefined;
  try {
    return await of(look, rule);
  } catch (error) {
    // It went away meanwhile: the next round tells.
    if (isDatabaseAway(error)) return undefined;
    throw error;
  }
}
