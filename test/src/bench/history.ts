import { evolve, decide, NO_TASK } from '@millrace/domain';
import type { Command, ExistingTask } from '@millrace/domain';
import type { TaskLog } from '@millrace/log';
import type { BenchSystem } from './bench-system.js';
import { pipelined, submissionOf } from './load.js';

/** Where the finished tasks lie: a queue that no worker of the bench serves. */
const QUEUE = 'history';

/** Fills the log with finished tasks, three facts each, and waits until they are in the read model. */
export async function fillHistory(system: BenchSystem, tasks: number): Promise<void> {
  const { log } = system;
  await pipelined(tasks, 2_000, () => liveOneTask(log));
  await system.projected((await log.admin.state()).lastSequence);
}

/** A task is submitted, starts and succeeds. */
export async function liveOneTask(log: TaskLog, onAppended?: (sequence: number) => void): Promise<void> {
  const ref = { queue: QUEUE, task_id: crypto.randomUUID() };
  let state: ExistingTask | undefined;
  const write = async (command: Command): Promise<ExistingTask> => {
    const now = Date.now();
    const event = decide(command, state ?? NO_TASK, { now, random: 0 });
    if (!event) throw new Error('Each of these commands makes an event.');
    const fact = await log.append(ref, state?.sequence ?? 0, event, { actor: 'bench', now });
    onAppended?.(fact.sequence);
    return evolve(state ?? NO_TASK, fact) as ExistingTask;
  };
  state = await write(submissionOf('noop', 5));
  state = await write({ type: 'claim', worker: 'bench', ticket: state.sequence });
  await write({ type: 'succeed', token: state.sequence, result: null, duration_ms: 0 });
}
