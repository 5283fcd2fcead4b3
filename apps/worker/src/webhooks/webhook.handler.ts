import { Inject, Injectable } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { OWN_QUEUE, TaskLog } from '@millrace/log';
import { TaskHandler, UnrecoverableError, VERSION } from '@millrace/worker';
import type { TaskContext } from '@millrace/worker';
import { z } from 'zod';
import { signatureOf } from './signature.js';

export const NATS_URL = Symbol('nats url of webhooks');

const TIMEOUT_MS = 10_000;
const GONE = 410;

const Delivery = z.strictObject({
  webhook: z.string().describe('Name of the webhook'),
  event: z.object({ id: z.string(), type: z.string(), data: z.record(z.string(), z.unknown()) }),
});
type Delivery = z.output<typeof Delivery>;

/**
 * Sends an event to a webhook. Address and secret are read from their bucket when it is sent: they stand in no task, and a changed one
 * holds for what is still to be sent.
 */
@Injectable()
export class WebhookHandler implements OnApplicationShutdown {
  #log: Promise<TaskLog> | undefined;

  constructor(@Inject(NATS_URL) private readonly natsUrl: string) {}

  @TaskHandler({
    name: 'webhook',
    queue: OWN_QUEUE,
    params: Delivery,
    description: 'Tells a webhook of an alert. Millrace submits it itself.',
    softTimeLimit: 15,
    timeLimit: 20,
  })
  async send({ params: { webhook: name, event }, signal }: TaskContext<Delivery>) {
    const webhook = (await (await this.#open()).buckets.webhooks.get(name))?.value;
    if (!webhook?.enabled) return { sent: false, reason: 'The webhook was deleted or switched off.' };
    const body = JSON.stringify(event);
    const response = await fetch(webhook.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': `Millrace/${VERSION}`,
        'millrace-event-id': event.id,
        'millrace-signature': signatureOf(webhook.secret, body, Date.now()),
      },
      body,
      // What is signed for one address goes to no other.
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    await response.body?.cancel();
    if (response.ok) return { sent: true, status: response.status };
    const answer = `The webhook "${name}" answered ${response.status}.`;
    throw response.status === GONE ? new UnrecoverableError(answer) : new Error(answer);
  }

  async onApplicationShutdown(): Promise<void> {
    await (await this.#log?.catch(() => undefined))?.close();
  }

  /** When the first one is sent: most workers never send any. */
  #open(): Promise<TaskLog> {
    this.#log ??= TaskLog.open({ url: this.natsUrl, name: 'webhooks' }).catch((error: unknown) => {
      this.#log = undefined;
      throw error;
    });
    return this.#log;
  }
}
