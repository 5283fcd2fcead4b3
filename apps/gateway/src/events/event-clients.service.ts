import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import { TaskLog } from '@millrace/log';
import type { FastifyReply } from 'fastify';
import { ApiKeys } from '../auth/api-keys.js';
import type { Caller } from '../auth/roles.js';
import type { GatewayConfig } from '../config.js';
import { CONFIG } from '../gateway.constants.js';
import { ProblemError } from '../http/problem.js';
import { EventClient } from './event-client.js';
import { EventHub, wentBack } from './event-hub.service.js';
import { openEventStream } from './event-response.js';
import { DISMISSAL, FAREWELL, gapFrame } from './frames.js';

const HEARTBEAT_MS = 15_000;
const RETRY_AFTER_SECONDS = 10;

/** The streams that are open: so many at most, each with a sign of life now and then, and for as long as its key is good. The log is followed while there are any. */
@Injectable()
export class EventClients implements BeforeApplicationShutdown {
  /** With who opened them. */
  readonly #open = new Map<EventClient, Caller | undefined>();
  /** Streams that are about to open. */
  #opening = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(
    private readonly log: TaskLog,
    private readonly hub: EventHub,
    private readonly keys: ApiKeys,
    @Inject(CONFIG) private readonly config: GatewayConfig,
  ) {
    keys.onChanged((hash) => {
      for (const [client, caller] of this.#open) if (caller?.hash === hash) client.end(DISMISSAL);
    });
  }

  /** Ends all streams. */
  beforeApplicationShutdown(): void {
    this.#isStopping = true;
    for (const client of this.#open.keys()) client.end(FAREWELL);
  }

  /** @throws ProblemError when no further stream is taken */
  refuseWhenFull(): void {
    if (this.#isStopping)
      throw new ProblemError('gateway/stopping', 'This gateway is stopping. Connect again in a moment.');
    const most = this.config.MILLRACE_STREAMS_AT_MOST;
    if (this.#open.size + this.#opening < most) return;
    throw new ProblemError(
      'events/too-many-streams',
      `This gateway has ${most} streams of events open and takes no more. Try again later, or at another gateway.`,
      { retryAfterSeconds: RETRY_AFTER_SECONDS },
    );
  }

  /**
   * Begins the answer.
   *
   * @param after where the stream begins; undefined: at what is live by now
   * @throws LogUnavailableError, ProblemError
   */
  async open(reply: FastifyReply, after: number | undefined): Promise<EventClient> {
    this.refuseWhenFull();
    this.#opening++;
    try {
      const [{ lastSequence }] = await Promise.all([this.log.admin.state(), this.hub.follow()]);
      return this.#begin(reply, after ?? this.hub.next - 1, Math.max(lastSequence, this.hub.next - 1));
    } finally {
      this.#opening--;
      this.#restIfAlone();
    }
  }

  #begin(reply: FastifyReply, after: number, lastSequence: number): EventClient {
    const { caller } = reply.request;
    const client = new EventClient(openEventStream(reply), Math.min(after, lastSequence));
    if (after > lastSequence) void client.send(gapFrame(wentBack(after, lastSequence)), lastSequence);
    if (client.gone.aborted) return client;
    this.#open.set(client, caller);
    client.gone.addEventListener('abort', () => {
      this.#open.delete(client);
      this.#restIfAlone();
    });
    this.#heartbeat ??= setInterval(() => this.#beat(), HEARTBEAT_MS);
    // Meanwhile its key may have gone.
    if (caller && !this.keys.isAsEver(caller)) client.end(DISMISSAL);
    return client;
  }

  #beat(): void {
    for (const client of this.#open.keys()) client.beat(this.hub.next - 1);
  }

  #restIfAlone(): void {
    if (this.#open.size + this.#opening > 0) return;
    this.hub.rest();
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
  }
}
