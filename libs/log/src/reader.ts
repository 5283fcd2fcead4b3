import { setTimeout as sleep } from 'node:timers/promises';
import { NO_TASK, fold } from '@millrace/domain';
import type { ExistingTask, Fact, Json, TaskState } from '@millrace/domain';
import { decodeFact, factOf } from './codec.js';
import { LogRefusedError, LogUnavailableError, ServerCode } from './errors.js';
import { decodeLine } from './log-lines.js';
import type { LogLine } from './log-lines.js';
import type { Requests, StoredMessage } from './requests.js';
import { readSignals } from './signals.js';
import type { Signal } from './signals.js';
import { parseKept, parseSubject, streams, subjects } from './topology.js';
import type { TaskRef } from './topology.js';

/** More subjects than kinds of facts, even if an id was used in a second queue: one read returns them all. */
const KINDS_AT_MOST = 64;
/** A replica that lags is asked again, each time after a little longer: for a second in all. */
const REREADS = 20;
const REREAD_AFTER_MS = 5;
const NOTES_AT_ONCE = 500;
/** A page ends here, but has one message at least. */
const PAGE_BYTES = 1024 * 1024;
/** Of notes that are read at once. */
const NOTES_BYTES = 4 * 1024 * 1024;
/** Live progress is worth no longer wait. */
const LIVE_WITHIN_MS = 300;

/** Reads of single tasks. Nothing here scans: last facts by subject, single facts by sequence, history by links. */
export class Reader {
  constructor(private readonly requests: Requests) {}

  /**
   * The state of a task as the log has it, folded from the last fact of each kind. A replica may answer: for decisions see {@link current}.
   *
   * @param ref the task; without its queue all queues are looked through (a few microseconds for each)
   * @param atLeast reads again until the state is no older than this sequence
   */
  async task(ref: TaskRef | { task_id: string }, atLeast = 0): Promise<TaskState> {
    for (let reread = 1; reread <= REREADS; reread++) {
      const messages = await this.requests.batch(streams.tasks.name, {
        multi_last: [filterOf(ref)],
        batch: KINDS_AT_MOST,
      });
      const facts = messages
        .sort((a, b) => a.sequence - b.sequence)
        .flatMap((message) => decodeFact(message.subject, message.sequence, message.payload) ?? []);
      const last = facts.at(-1);
      // What left the log meanwhile will not show however often it is asked for.
      if ((last?.sequence ?? 0) >= atLeast || (await this.#hasLeft(atLeast)))
        return fold(
          facts.filter((fact) => fact.queue === last?.queue),
          NO_TASK,
        );
      await sleep(reread * REREAD_AFTER_MS);
    }
    throw new LogUnavailableError(`The log did not show the fact ${atLeast}.`);
  }

  /** The state of a task, no older than what its leader has now: one round trip more than {@link task}. */
  async current(ref: TaskRef | { task_id: string }): Promise<TaskState> {
    const last = await this.lastOn(filterOf(ref));
    if (!last) return NO_TASK;
    return this.task(ref, parseSubject(last.subject).type === 'fact' ? last.sequence : 0);
  }

  /** The last fact of a task, from the leader; undefined without any. */
  async lastFact(ref: TaskRef): Promise<Fact | undefined> {
    const message = await this.#get({ last_by_subj: subjects.factsOf(ref) });
    return message && decodeFact(message.subject, message.sequence, message.payload);
  }

  /** The fact at a sequence, from the leader; undefined when it was purged or is none. */
  async factAt(sequence: number): Promise<Fact | undefined> {
    const message = await this.#get({ seq: sequence });
    return message && decodeFact(message.subject, message.sequence, message.payload);
  }

  /** The checkpoint or step at a sequence, from the log or, when that has let it go, from where it is kept for who leans on it. */
  async recordAt(sequence: number): Promise<Fact | undefined> {
    const fact = await this.factAt(sequence);
    if (fact) return fact;
    const message = await this.#get({ last_by_subj: subjects.keptAt(sequence) }, streams.kept.name);
    const place = message && parseKept(message.subject);
    return place && factOf(place, place.sequence, message.payload);
  }

  /** The message at a sequence, whatever it is, from the leader. */
  messageAt(sequence: number, stream: string = streams.tasks.name): Promise<StoredMessage | undefined> {
    return this.#get({ seq: sequence }, stream);
  }

  /** The first message on a filter at or after a sequence, from the leader. Costs no more than the messages in between. */
  nextOn(
    filter: string,
    sequence: number,
    stream: string = streams.tasks.name,
  ): Promise<StoredMessage | undefined> {
    return this.#get({ seq: sequence, next_by_subj: filter }, stream);
  }

  /**
   * The messages on a filter from a sequence on, in order: so many at most, and fewer where they are long. A replica may answer that lags,
   * so that none is no proof that there is none: {@link nextOn} asks the leader.
   */
  page(filter: string, from: number, limit: number): Promise<StoredMessage[]> {
    const query = { seq: from, next_by_subj: filter, batch: limit, max_bytes: PAGE_BYTES };
    return this.requests.batch(streams.tasks.name, query);
  }

  /** The last message on a subject or filter, from the leader. A filter costs a look at every subject that it matches. */
  lastOn(filter: string, stream: string = streams.tasks.name): Promise<StoredMessage | undefined> {
    return this.#get({ last_by_subj: filter }, stream);
  }

  /**
   * The facts of a task in order, found by their links from the last one back.
   *
   * @param after stops at this sequence (exclusive)
   * @param limit the newest so many at most
   */
  async history(ref: TaskRef, { after = 0, limit = 10_000 } = {}): Promise<Fact[]> {
    const facts: Fact[] = [];
    let fact = await this.lastFact(ref);
    while (fact && fact.sequence > after && facts.length < limit) {
      facts.push(fact);
      fact = fact.prev > 0 ? await this.factAt(fact.prev) : undefined;
    }
    return facts.reverse();
  }

  /** The signals of a task after a sequence, in order. */
  signals(ref: TaskRef, after: number): Promise<Signal[]> {
    return readSignals(this, ref, after);
  }

  /**
   * The parameters of a task: from its card, or from the fact that its card names.
   *
   * @throws LogUnavailableError when that fact has left the log
   */
  async parametersOf(state: ExistingTask): Promise<Json> {
    if (state.parameters !== undefined) return state.parameters;
    const fact = await this.factAt(state.input);
    if (fact && 'parameters' in fact.data) return fact.data.parameters;
    throw new LogUnavailableError(
      `The parameters of the task ${state.id} (fact ${state.input}) are not in the log.`,
    );
  }

  /**
   * The last live progress of a task; undefined when there is none, or when the broker does not say so at once: it may be lost at any
   * time. It may be that of an earlier attempt: compare the token.
   */
  async liveProgress(ref: TaskRef): Promise<string | undefined> {
    const query = { multi_last: [subjects.progress(ref)], batch: 1 };
    try {
      const [message] = await this.requests.batch(streams.progress.name, query, LIVE_WITHIN_MS);
      return message?.payload;
    } catch (error) {
      if (error instanceof LogUnavailableError) return undefined;
      throw error;
    }
  }

  /**
   * The lines that the handler of a task logged, in order.
   *
   * @param after begins behind this sequence of the stream `LOGS`
   * @param limit so many at most
   */
  async logLines(ref: TaskRef, after: number, limit: number): Promise<(LogLine & { sequence: number })[]> {
    const query = { seq: after + 1, next_by_subj: subjects.logs(ref), batch: limit };
    const messages = await this.requests.batch(streams.logs.name, query);
    return messages.flatMap(({ sequence, payload }) => {
      const line = decodeLine(payload);
      return line ? [{ sequence, ...line }] : [];
    });
  }

  /** What was noted on a subject of `OPS` since a time, in order. */
  async notes(noun: string, verb: string, since: Date): Promise<StoredMessage[]> {
    const query = { next_by_subj: subjects.op(noun, verb), batch: NOTES_AT_ONCE };
    const begin = { start_time: since.toISOString() };
    const notes = await this.requests.batch(streams.ops.name, { ...begin, ...query });
    for (let page = notes; page.length === NOTES_AT_ONCE;) {
      const seq = (page.at(-1)?.sequence ?? 0) + 1;
      page = await this.requests.batch(streams.ops.name, { seq, ...query });
      notes.push(...page);
    }
    return notes;
  }

  /**
   * Notes of the stream `OPS`, in order: so many at most, and no more than a few MiB. None when there are no more.
   *
   * @param from the first sequence wanted
   */
  notesFrom(from: number, limit: number): Promise<StoredMessage[]> {
    const query = { seq: from, next_by_subj: subjects.allOps, batch: limit, max_bytes: NOTES_BYTES };
    return this.requests.batch(streams.ops.name, query);
  }

  /** Whether the log once had a message there, and has let it go. */
  async #hasLeft(sequence: number): Promise<boolean> {
    if (await this.messageAt(sequence)) return false;
    const newest = await this.lastOn('>');
    return newest !== undefined && newest.sequence >= sequence;
  }

  async #get(
    query: { seq: number; next_by_subj?: string } | { last_by_subj: string },
    stream: string = streams.tasks.name,
  ): Promise<StoredMessage | undefined> {
    const answer = await this.requests.json(`$JS.API.STREAM.MSG.GET.${stream}`, query);
    const { message, error } = answer as typeof answer & {
      message?: { subject: string; seq: number; data?: string; time: string };
    };
    if (error?.err_code === ServerCode.messageNotFound) return undefined;
    if (!message)
      throw new LogRefusedError(error?.err_code ?? 0, error?.description ?? 'The log refused the read.');
    return {
      subject: message.subject,
      sequence: message.seq,
      payload: Buffer.from(message.data ?? '', 'base64').toString(),
      storedAtMs: Date.parse(message.time),
    };
  }
}

const filterOf = (ref: TaskRef | { task_id: string }): string =>
  'queue' in ref ? subjects.factsOf(ref) : subjects.factsOfId(ref.task_id);
