import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import type { Fact } from '@millrace/domain';
import { LogWentBackError, TaskLog, parseSubject, streams, subjects } from '@millrace/log';
import type { StoredMessage } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import { LOGGER } from '../gateway.constants.js';
import type { EventClient } from './event-client.js';
import { measured } from './frame-buffer.js';
import type { Frame } from './frame-buffer.js';
import { fitsPlace } from './event-filter.js';
import type { EventFilter } from './event-filter.js';
import type { Gap } from './events.schema.js';
import { factFrame, gapFrame } from './frames.js';
import { LogFeed } from './log-feed.js';
import { factOf } from './missed-events.service.js';
import { TaskNames } from './task-names.js';

/** A client, what it wants, and what is to be done once a fact was offered to it. */
export interface Listener {
  client: EventClient;
  filter: EventFilter;
  onOffered?: (fact: Fact) => void;
}

/** Follows the log once for all streams of this gateway, for as long as there are any. */
@Injectable()
export class EventHub implements BeforeApplicationShutdown {
  readonly #all = new Set<Listener>();
  /** Those of one task are found by it, however many there are. */
  readonly #ofTask = new Map<string, Set<Listener>>();
  readonly #feed: LogFeed;
  /** Changes with each listener that asks for a name. */
  #nameWishes = 0;

  constructor(
    private readonly log: TaskLog,
    private readonly names: TaskNames,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#feed = new LogFeed(log, {
      stream: streams.tasks.name,
      filters: [subjects.allFacts()],
      lastSequence: async () => (await this.log.admin.state()).lastSequence,
      onMessages: (messages, isOver) => this.#onMessages(messages, isOver),
      onError: (error) => this.#onError(error),
    });
  }

  beforeApplicationShutdown(): void {
    this.#feed.stop();
  }

  /** The sequence before which all has been offered. */
  get next(): number {
    return this.#feed.next;
  }

  /**
   * Resolves once the log is followed: {@link next} counts from then on.
   *
   * @throws LogUnavailableError
   */
  follow(): Promise<void> {
    return this.#feed.start();
  }

  /** Nobody listens any more. */
  rest(): void {
    this.#feed.stop();
  }

  /** Offers the client what comes from {@link next} on, until it has gone. */
  listen(listener: Listener): void {
    const { client, filter } = listener;
    if (client.gone.aborted) return;
    const { task_id } = filter;
    const set = task_id === undefined ? this.#all : (this.#ofTask.get(task_id) ?? new Set());
    if (task_id !== undefined) this.#ofTask.set(task_id, set);
    if (filter.task_name !== undefined) this.#nameWishes++;
    set.add(listener);
    client.gone.addEventListener('abort', () => {
      set.delete(listener);
      if (set.size === 0 && task_id !== undefined) this.#ofTask.delete(task_id);
    });
  }

  async #onMessages(messages: StoredMessage[], isOver: () => boolean): Promise<void> {
    const asksNames = [...this.#all].some(({ filter }) => filter.task_name !== undefined);
    if (asksNames) await this.#offerWithNames(messages, isOver);
    else this.#offerAll(messages);
  }

  async #offerWithNames(messages: StoredMessage[], isOver: () => boolean): Promise<void> {
    for (;;) {
      const wishes = this.#nameWishes;
      const names = await this.names.of(
        messages.filter((message) => this.#isWanted(message)).flatMap(factOf),
      );
      if (isOver()) return;
      // Whoever asked meanwhile may need more names than were looked for.
      if (wishes !== this.#nameWishes) continue;
      this.#offerAll(messages, names);
      return;
    }
  }

  /** At once: whoever came in between would miss a part. */
  #offerAll(messages: StoredMessage[], names?: ReadonlyMap<string, string>): void {
    for (const message of messages) {
      if (!this.#isWanted(message)) continue;
      for (const fact of factOf(message)) this.#offer(fact, names?.get(fact.task_id));
    }
    this.#feed.reach(messages.at(-1)?.sequence ?? 0);
  }

  /** Most facts may be of no interest to anybody: their bodies are not looked at. */
  #isWanted({ subject }: StoredMessage): boolean {
    const place = parseSubject(subject);
    if (place.type !== 'fact') return false;
    if (this.#ofTask.has(place.task_id)) return true;
    for (const { filter } of this.#all) if (fitsPlace(filter, place)) return true;
    return false;
  }

  #offer(fact: Fact, name: string | undefined): void {
    let frame: Frame | undefined;
    for (const set of [this.#all, this.#ofTask.get(fact.task_id) ?? []])
      for (const { client, filter, onOffered } of set) {
        if (!fitsPlace(filter, fact) || (filter.task_name ?? name) !== name) continue;
        client.offer((frame ??= measured(factFrame(fact))), fact.sequence);
        onOffered?.(fact);
      }
  }

  #onError(error: unknown): void {
    if (!(error instanceof LogWentBackError)) {
      this.logger.debug({ err: error }, 'The streams of events wait for the log');
      return;
    }
    this.#feed.reach(error.last);
    for (const set of [this.#all, ...this.#ofTask.values()])
      for (const { client } of set)
        client.goBack(gapFrame(wentBack(client.position, error.last)), error.last);
  }
}

/** The gap of a client that knows events which the log does not have any more. */
export const wentBack = (after: number, last: number): Gap => ({
  after,
  before: null,
  detail: `The log ends at ${last}, and you know ${after}: it went back, as after the restore of a backup. What comes from here on may contradict what you know of events after ${last}.`,
});
