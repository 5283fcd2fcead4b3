import { describe, expect, it } from '@jest/globals';
import type { WorkerRecord } from '@millrace/log';
import { crewFor } from './crew.js';
import type { Crew } from './crew.js';
import { UNKNOWN } from './situation.js';
import { Tale, at, busyWorker, situationOf, worker } from './tale.specification.js';

const crewOf = (...workers: WorkerRecord[]): Crew => crewFor(situationOf(new Tale(), { workers }));

/** The same in every answer. */
const TASK = { type: 'worker', queue: 'films', task_name: 'render' };

describe('a task that waits for a worker', () => {
  it('starts in the one slot that is free', () => {
    expect(crewOf(worker('w1', { running_count: 1 }))).toEqual({
      sentence: '1 of 2 slots of the 1 worker that can run it is free.',
      isMissing: false,
    });
  });

  it('waits for any worker', () => {
    expect(crewOf()).toEqual({
      sentence:
        'No worker serves the queue films. There is no worker at all. Start one: npm run worker -- --queues films.',
      waiting_for: { ...TASK, reason: 'none_serves_queue', workers: [] },
      isMissing: true,
    });
  });

  it('waits for a worker of its queue', () => {
    const { sentence, waiting_for } = crewOf(worker('w1', { queues: ['docs'] }));
    expect(sentence).toContain('No worker serves the queue films. 1 worker serves other queues.');
    expect(waiting_for).toMatchObject({ reason: 'none_serves_queue' });
  });

  it('is left by workers that end', () => {
    const ends = (id: string) => worker(id, { status: 'draining' });
    expect(crewOf(ends('w1')).sentence).toContain('w1 served it, but is about to end and takes nothing new.');
    expect(crewOf(ends('w1'), ends('w2')).sentence).toContain('w1 and w2 served it, but are about to end');
  });

  it('waits for a worker with its handler', () => {
    expect(crewOf(worker('w1', { handlers: [] }))).toEqual({
      sentence:
        '1 worker serves the queue films (w1), but none has a handler render. Start a worker that has loaded it, or check the name of the task.',
      waiting_for: { ...TASK, reason: 'no_handler', workers: ['w1'] },
      isMissing: true,
    });
  });

  it('waits for its queue to be served by those who have its handler', () => {
    const { sentence } = crewOf(worker('w1', { handlers: [] }), worker('w2', { queues: ['docs'] }));
    expect(sentence).toContain('w2 has it, for other queues: let one of them serve films, too.');
  });

  it('waits for a worker with the labels that its handler requires', () => {
    const unsuited = [{ task_name: 'render', requires: { gpu: 'true' } }];
    const other = worker('w1', { handlers: [], labels: { zone: 'eu' }, unsuited_handlers: unsuited });
    expect(crewOf(other, worker('w2', { handlers: [] }))).toEqual({
      sentence:
        'The handler render requires a worker with the labels gpu=true, and none that serves the queue films has them: w1 has zone=eu and w2 has no labels. Start one with --labels gpu=true.',
      waiting_for: { ...TASK, reason: 'labels', workers: ['w1', 'w2'], requires: { gpu: 'true' } },
      isMissing: true,
    });
  });

  it('waits for a slot while all are taken', () => {
    expect(crewOf(busyWorker('w1', 't8', at(1)), busyWorker('w2', 't7', at(0)))).toEqual({
      sentence: `All 4 slots of the 2 workers that can run it are taken; the longest runs t7 since ${at(0)} on w2. Start more workers, or wait for one of them.`,
      waiting_for: { ...TASK, reason: 'none_free', workers: ['w1', 'w2'], slots: 4 },
      isMissing: false,
    });
  });

  it('may wait for what is not known', () => {
    expect(crewFor(situationOf(new Tale(), { workers: UNKNOWN })).sentence).toBe(
      'Which workers there are is not known now.',
    );
  });
});
