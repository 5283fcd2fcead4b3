import type { WorkerRecord } from '@millrace/log';
import type { WaitingFor } from './explanation.schema.js';
import { UNKNOWN } from './situation.js';
import type { Situation } from './situation.js';
import { count, labelled, named } from './words.js';

const IDS_AT_MOST = 20;

/** What the workers mean for a task that waits. */
export interface Crew {
  sentence: string;
  /** Set when the task waits for a worker more than for anything else. */
  waiting_for?: Extract<WaitingFor, { type: 'worker' }>;
  /** Whether no worker there is will ever run the task, busy or not. */
  isMissing: boolean;
}

/** Looks who of the workers could run the task, and who is in the way of it. */
export function crewFor({ state, workers }: Situation): Crew {
  if (workers === UNKNOWN) return { sentence: 'Which workers there are is not known now.', isMissing: false };
  const { queue } = state;
  const task = state.spec.name;
  const active = workers.filter(({ status }) => status === 'active');
  const serving = active.filter(({ queues }) => queues.includes(queue));
  if (serving.length === 0) return noneServes(queue, task, workers);
  const able = serving.filter(({ handlers }) => handlers.includes(task));
  if (able.length > 0) return whoIsAble(queue, task, able);
  const requires = serving.flatMap((worker) => requiredBy(worker, task))[0];
  return requires ? noneHasLabels(queue, task, requires, serving) : noneHandles(queue, task, serving, active);
}

function noneServes(queue: string, task: string, workers: readonly WorkerRecord[]): Crew {
  const draining = idsOf(workers.filter(({ queues }) => queues.includes(queue)));
  const others =
    workers.length === 0
      ? 'There is no worker at all.'
      : draining.length > 0
        ? `${named(draining)} served it, but ${draining.length === 1 ? 'is' : 'are'} about to end and ${draining.length === 1 ? 'takes' : 'take'} nothing new.`
        : `${count(workers.length, 'worker')} ${workers.length === 1 ? 'serves' : 'serve'} other queues.`;
  return missing('none_serves_queue', queue, task, [], {
    sentence: `No worker serves the queue ${queue}. ${others} Start one: npm run worker -- --queues ${queue}.`,
  });
}

function noneHandles(
  queue: string,
  task: string,
  serving: WorkerRecord[],
  active: readonly WorkerRecord[],
): Crew {
  const elsewhere = idsOf(active.filter(({ handlers }) => handlers.includes(task)));
  const instead =
    elsewhere.length > 0
      ? `${named(elsewhere)} ${elsewhere.length === 1 ? 'has' : 'have'} it, for other queues: let one of them serve ${queue}, too.`
      : 'Start a worker that has loaded it, or check the name of the task.';
  return missing('no_handler', queue, task, serving, {
    sentence: `${count(serving.length, 'worker')} ${serving.length === 1 ? 'serves' : 'serve'} the queue ${queue} (${named(idsOf(serving))}), but none has a handler ${task}. ${instead}`,
  });
}

function noneHasLabels(
  queue: string,
  task: string,
  requires: Readonly<Record<string, string>>,
  serving: WorkerRecord[],
): Crew {
  const have = serving.map(({ worker_id, labels }) => `${worker_id} has ${labelled(labels) || 'no labels'}`);
  return missing('labels', queue, task, serving, {
    sentence: `The handler ${task} requires a worker with the labels ${labelled(requires)}, and none that serves the queue ${queue} has them: ${named(have)}. Start one with --labels ${labelled(requires).replaceAll(', ', ',')}.`,
    requires,
  });
}

function whoIsAble(queue: string, task: string, able: WorkerRecord[]): Crew {
  const slots = able.reduce((sum, worker) => sum + worker.slots, 0);
  const busy = able.reduce((sum, worker) => sum + Math.min(worker.slots, worker.running_count), 0);
  const free = slots - busy;
  const all = `${count(able.length, 'worker')} that can run it`;
  if (free > 0)
    return {
      sentence: `${free} of ${count(slots, 'slot')} of the ${all} ${free === 1 ? 'is' : 'are'} free.`,
      isMissing: false,
    };
  const [longest] = able
    .flatMap(({ worker_id, running }) => running.map((run) => ({ worker_id, ...run })))
    .sort((a, b) => Date.parse(a.started_at) - Date.parse(b.started_at));
  const since = longest
    ? `; the longest runs ${longest.task_id} since ${longest.started_at} on ${longest.worker_id}`
    : '';
  return {
    sentence: `All ${count(slots, 'slot')} of the ${all} are taken${since}. Start more workers, or wait for one of them.`,
    waiting_for: { type: 'worker', reason: 'none_free', queue, task_name: task, workers: idsOf(able), slots },
    isMissing: false,
  };
}

function missing(
  reason: 'none_serves_queue' | 'no_handler' | 'labels',
  queue: string,
  task_name: string,
  serving: WorkerRecord[],
  { sentence, requires }: { sentence: string; requires?: Readonly<Record<string, string>> },
): Crew {
  return {
    sentence,
    waiting_for: {
      type: 'worker',
      reason,
      queue,
      task_name,
      workers: idsOf(serving).slice(0, IDS_AT_MOST),
      ...(requires && { requires }),
    },
    isMissing: true,
  };
}

const requiredBy = ({ unsuited_handlers }: WorkerRecord, task: string): Record<string, string>[] =>
  unsuited_handlers.filter(({ task_name }) => task_name === task).map(({ requires }) => requires);

const idsOf = (workers: readonly WorkerRecord[]): string[] =>
  workers.map(({ worker_id }) => worker_id).sort();
