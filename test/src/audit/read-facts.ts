import type { Fact } from '@millrace/domain';
import { decodeFact, streams, subjects } from '@millrace/log';
import type { TaskLog } from '@millrace/log';
import { waitUntil } from '@millrace/testing';

const READ_WITHIN_MS = 120_000;

/** Every fact of the log, by task and in order. */
export async function readFacts(log: TaskLog): Promise<Map<string, Fact[]>> {
  const histories = new Map<string, Fact[]>();
  const last = await lastTaskSequence(log);
  let read = 0;
  const follower = log.follow({
    stream: streams.tasks.name,
    from: 1,
    filters: [subjects.allTasks],
    onMessages: (messages) => {
      for (const { subject, sequence, payload } of messages) {
        read = sequence;
        const fact = decodeFact(subject, sequence, payload);
        if (!fact) continue;
        const history = histories.get(fact.task_id);
        if (history) history.push(fact);
        else histories.set(fact.task_id, [fact]);
      }
    },
  });
  try {
    await waitUntil(() => read >= last, { timeoutMs: READ_WITHIN_MS, what: `the log up to ${last}` });
  } finally {
    await follower.stop();
  }
  return histories;
}

/** Sequence of the last message about tasks: what a projection that is up to date has read. */
export async function lastTaskSequence(log: TaskLog): Promise<number> {
  return (await log.read.lastOn(subjects.allTasks))?.sequence ?? 0;
}
