import { DEFAULT_RETRY_POLICY } from '../retry-policy.js';
import type { Command, Context } from './commands.js';
import { decide } from './decide.js';
import { evolve, fold } from './evolve.js';
import type { Fact, TaskCard, TaskEvent, TaskSpec } from './facts.js';
import { isRefusal } from './refusals.js';
import type { RefusalCode } from './refusals.js';
import { NO_TASK } from './state.js';
import type { TaskState } from './state.js';

/** The moment of the specifications. */
export const NOW: Context = { now: Date.parse('2026-01-01T00:00:00.000Z'), random: 0.5 };

/** The same moment, seconds later. */
export const later = (seconds: number): Context => ({ ...NOW, now: NOW.now + seconds * 1000 });

/** The task of the specifications: nothing in it is special. */
export const TASK: TaskSpec = {
  name: 'render',
  priority: 5,
  retry: DEFAULT_RETRY_POLICY,
  soft_time_limit: 1800,
  time_limit: 2400,
  submitted_at: new Date(NOW.now).toISOString(),
};

/** What every fact says of the task from which an attempt may start. */
export const CARD: TaskCard = {
  task: TASK,
  attempts: { begun: 0, failed: 0, lost: 0 },
  parameters: { film: 'a.mov' },
};

/** The event where it stands in the log. */
export const factOf = (event: TaskEvent, sequence: number, prev: number): Fact => ({
  ...event,
  queue: 'video',
  task_id: 't1',
  sequence,
  id: `e${sequence}`,
  prev,
  at: new Date(NOW.now + sequence).toISOString(),
  actor: 'test',
});

/** The events as a log of their own: sequences from 1. */
export const factsOf = (events: readonly TaskEvent[]): Fact[] =>
  events.map((event, index) => factOf(event, index + 1, index));

export const stateAfter = (events: readonly TaskEvent[]): TaskState => fold(factsOf(events), NO_TASK);

/** The events that the commands, each accepted, lead to. */
export function after(...commands: readonly Command[]): TaskEvent[] {
  let state: TaskState = NO_TASK;
  return commands.map((command, index) => {
    const event = decide(command, state, NOW);
    if (!event) throw new Error(`${command.type} changes nothing here`);
    state = evolve(state, factOf(event, index + 1, index));
    return event;
  });
}

/** `given(events).when(command).then(event)`: what is decided after these events. Compares as JSON, as the log would. */
export const given = (events: readonly TaskEvent[]) => ({
  when(command: Command, context: Context = NOW) {
    const outcome = outcomeOf(() => decide(command, stateAfter(events), context));
    return {
      then: (...expected: TaskEvent[]) => same(outcome, expected),
      thenRefused: (code: RefusalCode) => same(outcome, code),
      thenNothing: () => same(outcome, []),
    };
  },
});

function outcomeOf(decision: () => TaskEvent | undefined): TaskEvent[] | RefusalCode {
  try {
    const event = decision();
    return event ? [event] : [];
  } catch (error) {
    if (isRefusal(error)) return error.code;
    throw error;
  }
}

function same(actual: unknown, expected: unknown): void {
  if (written(actual) !== written(expected))
    throw new Error(`decided:\n${written(actual)}\nexpected:\n${written(expected)}`);
}

const written = (value: unknown): string => JSON.stringify(value, sorted, 2);

const sorted = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;
