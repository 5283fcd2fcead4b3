import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { KINDS, LANES } from '@millrace/domain';
import type { Kind, Lane } from '@millrace/domain';
import {
  ALERT_DAYS,
  DEFAULT_LEASE_SECONDS,
  LEADER_LEASE_SECONDS,
  OPERATION_DAYS,
  PRESENCE_SECONDS,
  bucketStream,
  buckets,
  laneConsumer,
  laneConsumerConfig,
  parseOp,
  parseSubject,
  streams,
  subjects,
} from './topology.js';
import type { AskVerb } from './topology.js';

const task = { queue: 'video', task_id: 't1' };

describe('a subject', () => {
  it('of a fact is read as it was written', () => {
    for (const kind of KINDS)
      expect(parseSubject(subjects.fact(task, kind))).toEqual({ type: 'fact', kind, ...task });
  });

  it('of a fired timer names the lane of its ticket', () => {
    for (const lane of LANES)
      expect(parseSubject(subjects.due(task, lane))).toEqual({ type: 'due', lane, ...task });
  });

  it('of a timer names the wait, that of an ask what is asked', () => {
    expect(parseSubject(subjects.timer(task, 7))).toEqual({ type: 'timer', fact: 7, ...task });
    expect(parseSubject(subjects.ask(task, 'stop'))).toEqual({ type: 'ask', verb: 'stop', ...task });
  });

  it.each([
    '',
    'tasks',
    'tasks.video',
    'tasks.video.p5',
    'tasks.video.p11.t1',
    'tasks.video.p5.t1.junk',
    'tasks.video.p5.t1.due.more',
    'tasks.video.started.t1.due',
    'ops.queue.paused',
    'progress.video.t1',
  ])('%p is none of the log’s', (subject) => {
    expect(parseSubject(subject)).toEqual({ type: 'other' });
  });

  it('of a task with a fired timer stays outside its check subject', () => {
    const tokens = (subject: string): number => subject.split('.').length;
    expect(tokens(subjects.due(task, 'p5'))).toBe(tokens(subjects.factsOf(task)) + 1);
  });
});

describe('a subject of OPS', () => {
  it('names what was done to what', () => {
    expect(parseOp(subjects.op('queue', 'paused'))).toEqual({ noun: 'queue', verb: 'paused' });
    for (const subject of ['ops.queue', 'ops.queue.paused.more', 'tasks.queue.paused', 'ops..paused'])
      expect(parseOp(subject)).toBeUndefined();
  });
});

describe('the consumer of a lane', () => {
  it('gives a ticket away again only after the lease, for ever, without a limit of what is out', () => {
    const config = laneConsumerConfig('video', 'p5', { startSequence: 7, leaseSeconds: 30 });
    expect(config).toMatchObject({
      durable_name: 'video_p5',
      filter_subject: 'tasks.video.p5.>',
      ack_wait: 30_000_000_000,
      max_deliver: -1,
      max_ack_pending: -1,
      max_waiting: 8192,
      opt_start_seq: 7,
    });
  });
});

describe('docs/reference/subjects.md', () => {
  const page = readFileSync(new URL('../../../docs/reference/subjects.md', import.meta.url), 'utf8');
  const placeholders = { queue: '<queue>', task_id: '<taskId>' };

  it('names every stream and where it is stored, every bucket and every consumer', () => {
    for (const { name, storage } of Object.values(streams))
      expect(page).toMatch(new RegExp(`\\| \`${name}\` .*\\| ${storage} `));
    for (const name of Object.values(buckets)) expect(page).toContain(`| \`${name}\``);
    expect(page).toContain(`\`${laneConsumer('<queue>', '<lane>' as Lane)}\``);
    expect(page).toContain(`\`${bucketStream('<bucket>').stream}\``);
    expect(page).toContain(`\`${bucketStream('<bucket>').prefix}<key>\``);
    expect(page).toContain(`leased for ${DEFAULT_LEASE_SECONDS} seconds`);
    expect(page).toContain(`${LEADER_LEASE_SECONDS} seconds after the last renewal`);
    expect(page).toContain(`${OPERATION_DAYS} days after its last change`);
    expect(page).toContain(`${ALERT_DAYS} days after the last look`);
    expect(page).toContain(`${PRESENCE_SECONDS} seconds after its last sign of life`);
  });

  it('shows every subject and filter as it is made', () => {
    const made: { [K in keyof typeof subjects]: string[] } = {
      fact: [subjects.fact(placeholders, '<kind>' as Kind)],
      factsOf: [subjects.factsOf(placeholders)],
      factsOfQueue: [subjects.factsOfQueue('<queue>')],
      allFacts: [subjects.allFacts()],
      factsOfId: [subjects.factsOfId('<taskId>')],
      due: [subjects.due(placeholders, '<lane>' as Lane)],
      timer: [subjects.timer(placeholders, '<sequence>' as unknown as number)],
      timersOf: [subjects.timersOf(placeholders)],
      ask: [subjects.ask(placeholders, '<verb>' as AskVerb)],
      lane: [subjects.lane('<queue>', '<lane>' as Lane)],
      interruptions: subjects.interruptions('<queue>'),
      allTasks: [subjects.allTasks],
      allTimers: [subjects.allTimers],
      progress: [subjects.progress(placeholders)],
      allProgress: [subjects.allProgress],
      logs: [subjects.logs(placeholders)],
      op: [subjects.op('<noun>', '<verb>')],
      opsOf: [subjects.opsOf('audit')],
      allOps: [subjects.allOps],
      kept: [
        subjects.kept(
          { ...placeholders, kind: '<kind>' as Kind, sequence: '<sequence>' as unknown as number },
          '<for>',
        ),
      ],
      keptAt: [subjects.keptAt('<sequence>' as unknown as number)],
      runsOf: [subjects.runsOf('<worker>')],
      cleanupNow: [subjects.cleanupNow],
    };
    for (const subject of Object.values(made).flat()) expect(page).toContain(`| \`${subject}\``);
  });
});
