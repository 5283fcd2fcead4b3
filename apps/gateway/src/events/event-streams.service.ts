import { Inject, Injectable } from '@nestjs/common';
import { LogUnavailableError } from '@millrace/log';
import { rest } from '@millrace/runtime';
import type { Logger } from '@millrace/runtime';
import type { FastifyReply } from 'fastify';
import { LOGGER } from '../gateway.constants.js';
import { ProblemError } from '../http/problem.js';
import { LogGate } from '../log/log-gate.js';
import { TaskReader } from '../tasks/task-reader.service.js';
import type { EventClient } from './event-client.js';
import { EventClients } from './event-clients.service.js';
import type { EventFilter } from './event-filter.js';
import { EventHub } from './event-hub.service.js';
import type { Listener } from './event-hub.service.js';
import type { EventStreamQuery, TaskStreamQuery } from './events.schema.js';
import { factFrame, gapFrame } from './frames.js';
import { MissedEvents } from './missed-events.service.js';
import type { Page } from './missed-events.service.js';
import { ProgressHub } from './progress-hub.service.js';
import { TaskEnding } from './task-ending.js';
import { TaskNames } from './task-names.js';

/** Closer than this to what is live, a client listens while it reads the rest. */
const NEARLY_THERE = 1_000;
/** What is away is asked again after so long. */
const ASK_AGAIN_MS = 1_000;

/** Brings each stream of events from what it missed to what is live. */
@Injectable()
export class EventStreams {
  constructor(
    private readonly gate: LogGate,
    private readonly reader: TaskReader,
    private readonly clients: EventClients,
    private readonly hub: EventHub,
    private readonly progress: ProgressHub,
    private readonly missed: MissedEvents,
    private readonly names: TaskNames,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** The events of one task: from its first on, or after a sequence. */
  async ofTask(
    taskId: string,
    query: TaskStreamQuery,
    after: number | undefined,
    reply: FastifyReply,
  ): Promise<void> {
    this.clients.refuseWhenFull();
    const state = await this.reader.inLog(taskId);
    const { queue } = state.phase === 'none' ? await this.reader.archived(taskId) : state;
    const task = { queue, task_id: taskId };
    const client = await this.clients.open(reply, after ?? 0);
    const ending = query.until === 'end' ? new TaskEnding(this.reader, client, task) : undefined;
    const listener: Listener = {
      client,
      filter: { task_id: taskId },
      ...(ending && { onOffered: (fact) => this.#detach(client, () => ending.sent(fact)) }),
    };
    await this.#run(client, async () => {
      if (query.progress) this.#detach(client, () => this.progress.listen(listener));
      this.hub.listen(listener);
      await this.#sendPage(client, listener.filter, () => this.missed.ofTask(task, client.position));
      const { position } = client;
      client.goLive();
      if (ending) await this.#withPatience(client, () => ending.caughtUp(position));
    });
  }

  /** The events of all tasks that fit: from now on, or after a sequence. */
  async ofAll(query: EventStreamQuery, after: number | undefined, reply: FastifyReply): Promise<void> {
    this.clients.refuseWhenFull();
    await this.gate.pass();
    const { queue, kind, task_name } = query;
    const filter: EventFilter = { queue, task_name, kinds: kind && new Set(kind) };
    const client = await this.clients.open(reply, after);
    const listener: Listener = { client, filter };
    await this.#run(client, async () => {
      if (query.progress) this.#detach(client, () => this.progress.listen(listener));
      while (this.hub.next - client.position > NEARLY_THERE && !client.gone.aborted)
        await this.#sendMissed(client, filter, this.hub.next);
      this.hub.listen(listener);
      const { next } = this.hub;
      while (client.position < next - 1 && !client.gone.aborted) await this.#sendMissed(client, filter, next);
      client.goLive();
    });
  }

  /** The answer has begun: what fails from here on ends the stream. */
  async #run(client: EventClient, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.logger.error({ err: error }, 'A stream of events failed');
      client.end();
    }
  }

  /** The same for what nobody waits for. */
  #detach(client: EventClient, work: () => Promise<void>): void {
    void this.#run(client, () => this.#withPatience(client, work));
  }

  #sendMissed(client: EventClient, filter: EventFilter, before: number): Promise<void> {
    return this.#sendPage(client, filter, () => this.missed.page(filter, client.position, before));
  }

  async #sendPage(client: EventClient, filter: EventFilter, read: () => Promise<Page>): Promise<void> {
    const page = await this.#withPatience(client, async () => {
      const { gap, facts, upTo } = await read();
      const names = filter.task_name === undefined ? undefined : await this.names.of(facts);
      const wanted = facts.filter(({ task_id }) => names?.get(task_id) === filter.task_name);
      return { text: `${gap ? gapFrame(gap) : ''}${wanted.map(factFrame).join('')}`, upTo };
    });
    if (page) await client.send(page.text, page.upTo);
  }

  /** Asks again while the log or the archive is away; undefined once the client has gone. */
  async #withPatience<T>(client: EventClient, ask: () => Promise<T>): Promise<T | undefined> {
    while (!client.gone.aborted) {
      try {
        return await ask();
      } catch (error) {
        if (!isAway(error)) throw error;
        await rest(ASK_AGAIN_MS, client.gone);
      }
    }
    return undefined;
  }
}

const AWAY: ReadonlySet<string> = new Set(['log/unavailable', 'archive/unavailable', 'archive/behind']);

const isAway = (error: unknown): boolean =>
  error instanceof LogUnavailableError || (error instanceof ProblemError && AWAY.has(error.code));
