import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { OWN_QUEUE, TaskLog } from '@millrace/log';
import type { WebhookRecord } from '@millrace/log';
import type { Origin } from '../auth/caller.decorator.js';
import { DEADLINE_MS } from '../gateway.constants.js';
import { ProblemError } from '../http/problem.js';
import { LogGate } from '../log/log-gate.js';
import type { DefineWebhook, DefinedWebhook, WebhookView } from './webhooks.schema.js';

const SECRET_BYTES = 24;
const NOUN = 'webhook';

/** Who is told of alerts over HTTP. */
@Injectable()
export class Webhooks {
  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
  ) {}

  async list(): Promise<WebhookView[]> {
    await this.gate.pass();
    const entries = await this.log.buckets.webhooks.entries();
    return entries.map(({ value }) => viewOf(value)).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Makes or changes a webhook. Its secret is shown only when one was made for it. */
  async define(name: string, wish: DefineWebhook, by: Origin): Promise<DefinedWebhook> {
    await this.gate.pass();
    const before = (await this.log.buckets.webhooks.get(name))?.value;
    const made = `whsec_${randomBytes(SECRET_BYTES).toString('base64url')}`;
    const record: WebhookRecord = {
      name,
      url: wish.url,
      secret: wish.secret ?? before?.secret ?? made,
      min_severity: wish.min_severity,
      enabled: wish.enabled,
      created_at: before?.created_at ?? new Date().toISOString(),
      actor: by.actor,
      ...(wish.rules && { rules: wish.rules }),
    };
    await this.log.buckets.webhooks.put(name, record);
    // Its deliveries are tasks: that nobody works on them must show.
    await this.log.provisionQueue(OWN_QUEUE, by.actor);
    await this.#note('defined', name, by);
    return { ...viewOf(record), secret: record.secret === made ? made : null };
  }

  /** @throws ProblemError `webhook/not-found` */
  async delete(name: string, by: Origin): Promise<void> {
    await this.gate.pass();
    if (!(await this.log.buckets.webhooks.get(name)))
      throw new ProblemError(
        'webhook/not-found',
        `There is no webhook "${name}". GET /api/v1/webhooks lists them.`,
      );
    await this.log.buckets.webhooks.delete(name);
    await this.#note('deleted', name, by);
  }

  /** Without the address: it may be as good as a secret. */
  #note(verb: string, name: string, by: Origin): Promise<number> {
    const note = {
      at: new Date().toISOString(),
      actor: by.actor,
      correlation_id: by.correlationId,
      webhook: name,
    };
    return this.log.note(NOUN, verb, note, { deadlineMs: DEADLINE_MS });
  }
}

const viewOf = ({ name, url, rules, min_severity, enabled, created_at }: WebhookRecord): WebhookView => ({
  name,
  url,
  rules: rules ?? null,
  min_severity,
  enabled,
  created_at,
});
