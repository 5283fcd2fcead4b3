import { Injectable } from '@nestjs/common';
import { LogUnavailableError, TaskLog } from '@millrace/log';
import type { Entry, RebuildRecord } from '@millrace/log';
import { v7 } from 'uuid';
import type { Origin } from '../auth/caller.decorator.js';
import { DEADLINE_MS } from '../gateway.constants.js';
import { ProblemError } from '../http/problem.js';
import { LogGate } from '../log/log-gate.js';
import type { AskRebuild, RebuildView } from './projections.schema.js';

/** What the projector looks under. */
const PROJECTION = 'tasks';
const ENDED: ReadonlySet<RebuildRecord['phase']> = new Set(['done', 'failed', 'cancelled']);
const RACES = 20;

/** Asks for rebuilds by a record that the projector follows. */
@Injectable()
export class Rebuilds {
  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
  ) {}

  /** The one that runs, or the last one. */
  async current(): Promise<RebuildView | undefined> {
    const entry = await this.#entry();
    return entry && viewOf(entry.value);
  }

  /** @throws ProblemError `rebuild/running` */
  async ask({ from, swap }: AskRebuild, { actor, correlationId }: Origin): Promise<RebuildView> {
    await this.gate.pass();
    const entry = await this.#entry();
    if (entry && !ENDED.has(entry.value.phase)) throw running(entry.value);
    const now = new Date().toISOString();
    const record: RebuildRecord = { id: v7(), from, swap, actor, asked_at: now, alive_at: now, ...NOT_BEGUN };
    const note = { at: now, actor, correlation_id: correlationId, rebuild: record.id, from, swap };
    await this.log.note('projection', 'rebuild-asked', note, { deadlineMs: DEADLINE_MS });
    if ((await this.log.buckets.rebuilds.replace(PROJECTION, record, entry?.revision)) === undefined)
      throw running((await this.#entry())?.value ?? record);
    return viewOf(record);
  }

  /** @throws ProblemError `rebuild/not-found` */
  async cancel({ actor, correlationId }: Origin): Promise<RebuildView> {
    await this.gate.pass();
    for (let race = 1; race <= RACES; race++) {
      const entry = await this.#entry();
      if (!entry) throw new ProblemError('rebuild/not-found', 'No rebuild was ever asked for.');
      const { value, revision } = entry;
      if (ENDED.has(value.phase) || value.phase === 'swapping') return viewOf(value);
      const now = new Date().toISOString();
      const cancelled: RebuildRecord = { ...value, phase: 'cancelled', finished_at: now };
      // Whoever carries it out writes each second.
      if ((await this.log.buckets.rebuilds.update(PROJECTION, cancelled, revision)) === undefined) continue;
      const note = { at: now, actor, correlation_id: correlationId, rebuild: value.id };
      await this.log.note('projection', 'rebuild-cancelled', note, { deadlineMs: DEADLINE_MS });
      return viewOf(cancelled);
    }
    throw new LogUnavailableError('The rebuild could not be cancelled: its record changes all the time.');
  }

  #entry(): Promise<Entry<RebuildRecord> | undefined> {
    return this.log.buckets.rebuilds.get(PROJECTION);
  }
}

const NOT_BEGUN = {
  phase: 'asked',
  started_at: null,
  finished_at: null,
  facts_done: 0,
  facts_total: 0,
  sequence: 0,
  differences: null,
  held_ms: null,
  reason: null,
} as const satisfies Partial<RebuildRecord>;

const running = ({ id, actor, asked_at }: RebuildRecord): ProblemError =>
  new ProblemError(
    'rebuild/running',
    `The rebuild ${id} runs, which ${actor} asked for at ${asked_at}. Wait for its end, or cancel it with DELETE /admin/projections/rebuild.`,
  );

function viewOf(record: RebuildRecord): RebuildView {
  const { facts_done, started_at, alive_at, finished_at } = record;
  const seconds =
    started_at === null ? 0 : (Date.parse(finished_at ?? alive_at) - Date.parse(started_at)) / 1000;
  return { ...record, events_per_second: seconds > 0 ? Math.round(facts_done / seconds) : null };
}
