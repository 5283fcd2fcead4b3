import type { Fact } from '@millrace/domain';
import { eventOf } from '../tasks/task-view.js';
import type { Gap, StreamedEvent, StreamedProgress } from './events.schema.js';

/** A fact as a Server-Sent Event: its sequence is what a client resumes after. */
export const factFrame = (fact: Fact): string => frameOf(fact.kind, streamedEventOf(fact), fact.sequence);

const streamedEventOf = (fact: Fact): StreamedEvent => ({
  ...eventOf(fact),
  task_id: fact.task_id,
  queue: fact.queue,
});

/** Live progress has no place in the log, so nothing can be resumed after it. */
export const progressFrame = (progress: StreamedProgress): string => frameOf('progress', progress);

export const gapFrame = (gap: Gap): string => frameOf('gap', gap);

export const endFrame = (end: { task_id: string; status: string }): string => frameOf('end', end);

export const overflowFrame = (resumeAfter: number): string =>
  frameOf('overflow', {
    resume_after: resumeAfter,
    detail:
      'You read more slowly than events come, and too many wait for you. Nothing is lost: connect again with the last id as Last-Event-ID, or ask for fewer events.',
  });

/** Moves what the client resumes after, without an event. */
export const heartbeat = (sequence?: number): string =>
  sequence === undefined ? ': heartbeat\n\n' : `: heartbeat\nid: ${sequence}\n\n`;

/** First of all: how long an EventSource waits before it connects again. */
export const GREETING = 'retry: 2000\n\n';

/** To whom the key was taken away, or given another role. */
export const DISMISSAL = ': the API key of this stream was deleted or changed\n\n';

export const FAREWELL = ': the gateway stops; connect again\n\n';

const frameOf = (event: string, data: object, id?: number): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
