import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import { LogRefusedError, TaskLog, progressSchema, streams, subjects, taskOfProgress } from '@millrace/log';
import type { StoredMessage, TaskRef } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import { z } from 'zod';
import { LOGGER } from '../gateway.constants.js';
import { fitsTask } from './event-filter.js';
import type { Listener } from './event-hub.service.js';
import { measured } from './frame-buffer.js';
import { progressFrame } from './frames.js';
import { LogFeed } from './log-feed.js';
import { TaskNames } from './task-names.js';

const Report = z.object({
  attempt: z.int().nullable().default(null),
  at: z.string(),
  progress: progressSchema,
});

/** Hands live progress to the streams that want it, as it comes; whoever is slow misses some. */
@Injectable()
export class ProgressHub implements BeforeApplicationShutdown {
  readonly #listeners = new Set<Listener>();
  readonly #feed: LogFeed;

  constructor(
    log: TaskLog,
    private readonly names: TaskNames,
    @Inject(LOGGER) logger: Logger,
  ) {
    const stream = streams.progress.name;
    this.#feed = new LogFeed(log, {
      stream,
      filters: [subjects.allProgress],
      lastSequence: () => lastProgress(log),
      onMessages: (messages) => this.#onMessages(messages),
      onError: (error) => logger.debug({ err: error }, 'Live progress waits for the log'),
    });
  }

  beforeApplicationShutdown(): void {
    this.#feed.stop();
  }

  /** Offers the client progress until it has gone. */
  async listen(listener: Listener): Promise<void> {
    const { client } = listener;
    if (client.gone.aborted) return;
    this.#listeners.add(listener);
    client.gone.addEventListener('abort', () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#feed.stop();
    });
    await this.#feed.start();
  }

  async #onMessages(messages: StoredMessage[]): Promise<void> {
    const reports = messages.flatMap((message) => {
      const task = taskOfProgress(message.subject);
      const isWanted = task && [...this.#listeners].some(({ filter }) => fitsTask(filter, task));
      return isWanted ? [{ task, message }] : [];
    });
    const asksNames = [...this.#listeners].some(({ filter }) => filter.task_name !== undefined);
    const names = asksNames ? await this.names.of(reports.map(({ task }) => task)) : undefined;
    for (const { task, message } of reports) this.#offer(task, message, names?.get(task.task_id));
  }

  #offer(task: TaskRef, message: StoredMessage, name: string | undefined): void {
    const text = textOf(task, message);
    if (text === undefined) return;
    const frame = measured(text);
    for (const { client, filter } of this.#listeners)
      if (fitsTask(filter, task) && (filter.task_name ?? name) === name) client.offerIfQuick(frame);
  }
}

/** The stream is in the memory of the broker: after a restart it is not there for a moment, and counts anew. */
async function lastProgress({ read }: TaskLog): Promise<number> {
  try {
    return (await read.lastOn(subjects.allProgress, streams.progress.name))?.sequence ?? 0;
  } catch (error) {
    if (error instanceof LogRefusedError) return 0;
    throw error;
  }
}

/** Undefined for what is no report: anybody may publish there. */
function textOf(task: TaskRef, { payload }: StoredMessage): string | undefined {
  const report = Report.safeParse(parsed(payload));
  if (!report.success) return undefined;
  const { attempt, at, progress } = report.data;
  return progressFrame({
    sequence: null,
    kind: 'progress',
    at,
    attempt,
    actor: null,
    data: { progress },
    ...task,
  });
}

function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
}
