import { Injectable } from '@nestjs/common';
import type { AlertMetric } from '@millrace/domain';
import { TaskLog, alertNoteSchema, readNote, streams, subjects } from '@millrace/log';
import type { AlertNote, AlertRecord, StoredMessage } from '@millrace/log';
import { LogGate } from '../log/log-gate.js';
import type { AlertList, AlertView, ListAlerts } from './alerts.schema.js';

/** Notes that are looked through for one page: whoever filters gets a shorter one. */
const NOTES_AT_MOST = 1_000;
const RESOLVED = subjects.op('alert', 'resolved');

/** Alerts, open ones from their bucket, those that are over from OPS: Postgres may be what is wrong. */
@Injectable()
export class AlertLists {
  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
  ) {}

  async list(query: ListAlerts): Promise<AlertList> {
    await this.gate.pass();
    const open = query.status === 'resolved' || query.cursor !== undefined ? [] : await this.#open();
    const over = query.status === 'open' ? NOTHING : await this.#resolved(query);
    return { items: [...open.filter((alert) => fits(alert, query)), ...over.items], next_cursor: over.next };
  }

  /** The worst first, of these the newest. */
  async #open(): Promise<AlertView[]> {
    const entries = await this.log.buckets.alerts.entries();
    return entries
      .flatMap(({ value }) => viewOfOpen(value) ?? [])
      .sort((a, b) => a.severity.localeCompare(b.severity) || b.raised_at.localeCompare(a.raised_at));
  }

  /** Back through the notes, each of which names the one before. */
  async #resolved(query: ListAlerts): Promise<{ items: AlertView[]; next: string | null }> {
    const items: AlertView[] = [];
    let message = await this.#first(query.cursor);
    for (let looked = 0; message; looked++) {
      if (looked === NOTES_AT_MOST || items.length === query.limit)
        return { items, next: String(message.sequence) };
      const note = readNote(alertNoteSchema, message);
      if (!note) break;
      const alert = viewOfResolved(note);
      if (fits(alert, query)) items.push(alert);
      message = note.prev ? await this.log.read.messageAt(note.prev, streams.ops.name) : undefined;
    }
    return { items, next: null };
  }

  #first(cursor: string | undefined): Promise<StoredMessage | undefined> {
    return cursor === undefined
      ? this.log.read.lastOn(RESOLVED, streams.ops.name)
      : this.log.read.messageAt(Number(cursor), streams.ops.name);
  }
}

const NOTHING: { items: AlertView[]; next: string | null } = { items: [], next: null };

const fits = (alert: AlertView, { severity, rule }: ListAlerts): boolean =>
  (severity ?? alert.severity) === alert.severity && (rule ?? alert.rule) === alert.rule;

/** Undefined while it was not raised. */
function viewOfOpen({ scope, raised_at, severity, ...alert }: AlertRecord): AlertView | undefined {
  if (raised_at === null || severity === null) return undefined;
  const { alert_id, rule, metric, message, value, threshold, detail } = alert;
  const about = { alert_id, rule, metric, message, value, threshold, detail: detail ?? null };
  return {
    ...about,
    ...placeOf(scope),
    status: 'open',
    severity,
    raised_at: new Date(raised_at).toISOString(),
    resolved_at: null,
  };
}

function viewOfResolved(note: AlertNote): AlertView {
  const { alert_id, rule, metric, message, value, threshold, detail, worst, raised_at, at } = note;
  return {
    alert_id,
    rule,
    metric: metric as AlertMetric,
    message,
    value,
    threshold,
    detail: detail ?? null,
    ...placeOf(note),
    status: 'resolved',
    severity: worst ?? 'warning',
    raised_at,
    resolved_at: at,
  };
}

const placeOf = ({
  queue = null,
  task_name = null,
  task_id = null,
  worker_id = null,
}: Partial<Record<Place, string | null | undefined>>): Record<Place, string | null> => ({
  queue,
  task_name,
  task_id,
  worker_id,
});

type Place = 'queue' | 'task_name' | 'task_id' | 'worker_id';
