import type { AlertTransition } from '@millrace/domain';
import { alertNoteSchema, readNote, streams, subjects } from '@millrace/log';
import type { AlertNote, AlertRecord, TaskLog } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import { ACTOR, DEADLINE_MS } from '../scheduler.constants.js';
import { deliverByWebhooks } from './webhook-tasks.js';

type Announcement = NonNullable<AlertRecord['announce']>;

const ALERT = 'alert';
/** Clocks of two leaders differ by less. */
const CLOCKS_MS = 60_000;

/** Tells of alerts: in OPS, to webhooks, in a line of the log. */
export class Announcer {
  constructor(
    private readonly log: TaskLog,
    private readonly logger: Logger,
  ) {}

  /**
   * Tells of a transition. Safe to repeat: the note is told once if it is said that somebody else may have begun, the tasks of the webhooks
   * have ids that are made of the transition.
   */
  async tell(record: AlertRecord, announce: Announcement, mayBeTold: boolean): Promise<void> {
    const note = noteOf(record, announce);
    if (!mayBeTold || !(await this.#isTold(announce)))
      await this.log.note(ALERT, announce.verb, note, { deadlineMs: DEADLINE_MS });
    await deliverByWebhooks(this.log, announce.verb, note);
    this.#write(announce.verb, note);
  }

  /** Back through the notes of this kind: each names the one before. */
  async #isTold({ verb, id, at }: Announcement): Promise<boolean> {
    const stream = streams.ops.name;
    let message = await this.log.read.lastOn(subjects.op(ALERT, verb), stream);
    for (;;) {
      const note = readNote(alertNoteSchema, message);
      if (!message || !note || Date.parse(note.at) < at - CLOCKS_MS) return false;
      if (note.id === id) return true;
      message = note.prev ? await this.log.read.messageAt(note.prev, stream) : undefined;
    }
  }

  #write(verb: AlertTransition, { message, id: _id, actor: _actor, at: _at, ...about }: AlertNote): void {
    const line = { transition: verb, ...about };
    if (verb === 'resolved') this.logger.info(line, `Resolved: ${message}`);
    else this.logger[about.severity === 'critical' ? 'error' : 'warn'](line, message);
  }
}

function noteOf(record: AlertRecord, { id, at }: Announcement): AlertNote {
  const { alert_id, rule, metric, scope, severity, worst, value, threshold, message, detail } = record;
  return {
    id,
    at: new Date(at).toISOString(),
    actor: ACTOR,
    alert_id,
    rule,
    metric,
    ...scope,
    severity,
    worst,
    value,
    threshold,
    message,
    raised_at: new Date(record.raised_at ?? at).toISOString(),
    ...(detail && { detail }),
  };
}
