import { describe, expect, it } from '@jest/globals';
import { DEFAULT_RETRY_POLICY } from '@millrace/domain';
import type { TaskEvent } from '@millrace/domain';
import { encodeFact } from '@millrace/log';
import type { StoredMessage } from '@millrace/log';
import { fingerprintOf, readMessage } from './log-messages.js';

const AT = '2026-01-01T00:00:00.000Z';
const submitted = (submitted_at = AT): TaskEvent => ({
  kind: 'p5',
  data: {
    task: {
      name: 'render',
      priority: 5,
      retry: DEFAULT_RETRY_POLICY,
      soft_time_limit: 1,
      time_limit: 2,
      submitted_at,
    },
    attempts: { begun: 0, failed: 0, lost: 0 },
    parameters: { film: 'a"},{' },
    reason: 'submitted',
  },
});
const bodyOf = (event: TaskEvent, at = AT, actor = 'api:key'): string =>
  encodeFact(event, { id: 'e-1', prev: 0, at, actor });
const messageOf = (payload: string, subject = 'tasks.video.p5.t1'): StoredMessage => ({
  subject,
  sequence: 7,
  payload,
  storedAtMs: Date.parse(AT),
});

function read(message: StoredMessage): { read: ReturnType<typeof readMessage>; junk: string[] } {
  const junk: string[] = [];
  return { read: readMessage(message, ({ message: reason }) => junk.push(reason)), junk };
}

describe('a message of the log', () => {
  it.each([
    ['as our writers put it', bodyOf(submitted())],
    ['with an actor that is quoted', bodyOf(submitted(), AT, 'api:"key"\\')],
    ['in another order', JSON.stringify({ ...submitted().data, actor: 'a', at: AT, prev: 0, id: 'e', v: 1 })],
  ])('is read as a fact with its data as JSON, %s', (_how, payload) => {
    const { read: message, junk } = read(messageOf(payload));
    expect(junk).toEqual([]);
    expect(message).toMatchObject({
      type: 'fact',
      sequence: 7,
      fact: { kind: 'p5', task_id: 't1', queue: 'video' },
    });
    expect(JSON.parse((message as { data: string }).data)).toEqual(submitted().data);
  });

  it('keeps an empty object where a kind says nothing', () => {
    const { read: message } = read(
      messageOf('{"v":1,"id":"e","prev":3,"at":"2026-01-01","actor":"a"}', 'tasks.q.p5.t'),
    );
    expect(message.type).toBe('junk');
  });

  it('is a fired timer by its subject', () => {
    const wait = { ...submitted().data, until: AT, lane: 'p5', reason: 'delay' };
    const payload = JSON.stringify({ after: 5, v: 1, id: 'e', prev: 0, at: AT, actor: 'a', ...wait });
    const { read: message } = read(messageOf(payload, 'tasks.video.p5.t1.due'));
    expect(message).toMatchObject({ type: 'due', due: { task_id: 't1', sequence: 7, after: 5, at: AT } });
  });

  it.each([
    ['no JSON', 'hello', 'tasks.video.p5.t1'],
    ['nothing', '', 'tasks.video.p5.t1'],
    ['no object', '[1]', 'tasks.video.p5.t1'],
    ['another kind of body', bodyOf(submitted()), 'tasks.video.started.t1'],
    ['no time', bodyOf(submitted('yesterday')), 'tasks.video.p5.t1'],
    ['no time of its own', bodyOf(submitted(), ''), 'tasks.video.p5.t1'],
    ['of a kind we do not know', bodyOf(submitted()), 'tasks.video.p11.t1'],
    ['too deep in subjects', bodyOf(submitted()), 'tasks.video.p5.t1.more'],
    ['a timer of no wait', bodyOf(submitted()), 'tasks.video.p5.t1.due'],
  ])('is junk when it is %s, and says why', (_what, payload, subject) => {
    const { read: message, junk } = read(messageOf(payload, subject));
    expect(message).toMatchObject({ type: 'junk', sequence: 7 });
    expect(junk).toHaveLength(1);
  });

  it('has a fingerprint of its body and its subject', () => {
    const message = messageOf(bodyOf(submitted()));
    const prints = [message, { ...message, subject: 'tasks.video.p5.t2' }, messageOf('x')].map(fingerprintOf);
    expect(new Set(prints).size).toBe(3);
    expect(read(message).read.fingerprint()).toBe(prints[0]);
  });
});
