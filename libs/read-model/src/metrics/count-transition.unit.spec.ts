import { describe, expect, it } from '@jest/globals';
import type { Fact, TaskEvent } from '@millrace/domain';
import { project } from '../tasks/task.projection.js';
import type { ProjectedTask } from '../tasks/task.projection.js';
import { card, ready, retried, started, succeeded, timeOf } from '../testing/scribe.js';
import { NUMBERS } from './measures.js';
import type { MetricNumber } from './measures.js';
import { tallied } from './tally.js';

type Numbers = Partial<Record<MetricNumber, number>>;

/** What the last of the events adds, each a second after the one before. */
function added(events: readonly TaskEvent[]): Record<string, Numbers> {
  let [before, after]: [ProjectedTask | undefined, ProjectedTask | undefined] = [undefined, undefined];
  let last: Fact | undefined;
  for (const [index, event] of events.entries()) {
    const sequence = index + 1;
    last = {
      ...event,
      queue: 'video',
      task_id: 't',
      sequence,
      id: '',
      prev: index,
      at: timeOf(sequence),
      actor: '',
    };
    [before, after] = [after, project(after, last)];
  }
  if (!last || !after) return {};
  const rows = tallied([{ before, after, fact: last }]);
  return Object.fromEntries(
    rows.map(({ name, measures }) => [
      name,
      Object.fromEntries(NUMBERS.filter((one) => measures[one] !== 0).map((one) => [one, measures[one]])),
    ]),
  );
}

const reports = (run = { attempt: 1, worker: 'w1', ticket: 1, token: 2, failed: 0, lost: 0 }): TaskEvent => ({
  kind: 'progress',
  data: { run, progress: {} },
});
const failed = (reason: 'retries_spent' | 'worker_lost'): TaskEvent => ({
  kind: 'failed',
  data: {
    attempt: 1,
    attempts: { begun: 1, failed: 1, lost: 0 },
    error: { name: 'Error', message: '' },
    reason,
    ...(reason === 'retries_spent' && { duration_ms: 3.5 }),
  },
});
const resumed: TaskEvent = { kind: 'p5', data: { ...card(), reason: 'resumed' } };
const paused: TaskEvent = { kind: 'paused', data: { ...card(), reason: 'asked' } };
const carried = (data: object): TaskEvent => ({
  kind: 'paused',
  data: { ...card(), reason: 'asked', ...data },
});

describe('a fact adds to the metrics', () => {
  const running = [ready('p5'), started(1)];

  it.each<[string, TaskEvent[], Numbers]>([
    ['a submission', [ready('p5')], { submitted: 1, in_pending: 1 }],
    ['a start', running, { started: 1, in_pending: -1, in_started: 1, waits: 1, wait_us: 1e6 }],
    ['the first report', [...running, reports()], { in_started: -1, in_processing: 1 }],
    [
      'a success',
      [...running, succeeded()],
      { completed: 1, in_started: -1, in_success: 1, runs: 1, run_us: 5000 },
    ],
    [
      'a failed attempt',
      [...running, retried(timeOf(9))],
      { retried: 1, in_started: -1, in_retry: 1, runs: 1, run_us: 7000 },
    ],
    [
      'the start after it, late by four seconds',
      [...running, retried(timeOf(0)), started(3, 2)],
      { started: 1, in_retry: -1, in_started: 1, waits: 1, wait_us: 4e6 },
    ],
    ['a takeover', [...running, started(1, 2, 'w2')], { started: 1, lost: 1 }],
    [
      'a dead letter',
      [...running, failed('retries_spent')],
      { failed: 1, in_started: -1, in_failure: 1, runs: 1, run_us: 3500 },
    ],
    [
      'a poison task',
      [...running, failed('worker_lost')],
      { failed: 1, lost: 1, in_started: -1, in_failure: 1 },
    ],
    ['a pause', [ready('p5'), paused], { paused: 1, in_pending: -1, in_paused: 1 }],
    ['a resume', [ready('p5'), paused, resumed], { resumed: 1, in_paused: -1, in_pending: 1 }],
    [
      'a success after a resume',
      [ready('p5'), paused, resumed, started(3), succeeded()],
      { completed: 1, resumed_completed: 1, in_started: -1, in_success: 1, runs: 1, run_us: 5000 },
    ],
    [
      'a move to the front',
      [ready('p5'), { kind: 'front', data: { ...card(), reason: 'reordered' } }],
      { reordered: 1 },
    ],
  ])('%s', (_, events, numbers) => {
    expect(added(events)).toEqual({ render: numbers });
  });

  it.each<[string, TaskEvent[]]>([
    ['a later report', [...running, reports(), reports()]],
    ['a wait that is carried', [ready('p5'), paused, carried({ carried: 2 })]],
  ])('nothing by %s', (_, events) => {
    expect(added(events)).toEqual({});
  });

  it('no submission by a task that comes back from the archive', () => {
    expect(added([carried({ carried: 7 })])).toEqual({ render: { in_paused: 1 } });
  });

  it('to two names when the task gets another one', () => {
    expect(
      added([ready('p5'), { kind: 'p5', data: { ...card({ name: 'send' }), reason: 'replaced' } }]),
    ).toEqual({
      render: { in_pending: -1 },
      send: { in_pending: 1 },
    });
  });
});
