import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ALERT_METRICS } from './alerts/metrics.js';
import { DEFAULT_ALERT_RULES } from './alerts/rule.js';
import type { Command, CommandType, Context } from './task/commands.js';
import { decide } from './task/decide.js';
import { evolve } from './task/evolve.js';
import type { Fact, TaskEvent } from './task/facts.js';
import { isLane } from './task/kinds.js';
import { isRefusal } from './task/refusals.js';
import { NO_TASK, STATUSES, statusOf } from './task/state.js';
import type { TaskState } from './task/state.js';
import { NOW, TASK, factOf, later } from './task/task.specification.js';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

/** One decision that was accepted. */
interface Transition {
  from: string;
  command: CommandType;
  kind: string;
  to: string;
}

const spec = {
  ...TASK,
  retry: { ...TASK.retry, max_retries: 1 },
  expires_at: new Date(later(60).now).toISOString(),
};

const LATER = new Date(NOW.now + 60_000).toISOString();

/** Everything that can be tried with the task, well aimed. */
function commandsFor(state: TaskState): Command[] {
  const submit: Command = { type: 'submit', spec, parameters: null };
  if (state.phase === 'none')
    return [submit, { ...submit, not_before: spec.expires_at }, { ...submit, limited: true }];
  const token = state.phase === 'running' ? state.run.token : 0;
  const ticket = state.phase === 'running' ? state.run.ticket : state.phase === 'ready' ? state.ticket : 0;
  const fail: Command = {
    type: 'fail',
    token,
    error: { name: 'E', message: '' },
    retryable: true,
    duration_ms: 1,
  };
  return [
    submit,
    { type: 'claim', worker: 'w1', ticket, after: state.sequence },
    { type: 'claim', worker: 'w1', ticket, after: state.sequence, limited: true },
    { type: 'take-over', worker: 'w2', ticket, seen: state.sequence },
    { type: 'take-over', worker: 'w3', ticket, seen: state.sequence },
    { type: 'report-progress', token, progress: {} },
    { type: 'save-checkpoint', token, state: null },
    { type: 'record-step', token, step: { name: 'probe', type: 'step', order: 1 } },
    { type: 'suspend', token, until: LATER, duration_ms: 1 },
    { type: 'suspend', token, waiting_for: 'signal:go', duration_ms: 1 },
    { type: 'suspend', token, until: LATER, waiting_for: 'signal:go', duration_ms: 1 },
    { type: 'release', waiting_for: 'signal:go' },
    { type: 'yield', token, reason: 'drain' },
    { type: 'succeed', token, result: null, duration_ms: 1 },
    fail,
    { ...fail, retryable: false },
    { type: 'cancel' },
    { type: 'cancel', operation: 'op-1' },
    { type: 'restore', operation: 'op-1' },
    { type: 'expire' },
    { type: 'pause', reason: 'asked' },
    { type: 'resume' },
    { type: 'retry' },
    { type: 'change-priority', priority: 9 },
    { type: 'move-to-front' },
    { type: 'move-to-back' },
    { type: 'place', lane: 'p5', rank: 1 },
    { type: 'age' },
    { type: 'reschedule', until: LATER },
    { type: 'run-now' },
    { type: 'replace', spec, parameters: null },
    { type: 'replace', spec, parameters: null, limited: true },
    { type: 'replace', spec, parameters: null, not_before: LATER },
    { type: 'grant', slot: true },
    { type: 'repair-ticket', seen: state.sequence },
    { type: 'carry' },
    { type: 'clean', seen: state.sequence },
  ];
}

function accepted(command: Command, state: TaskState, context: Context): TaskEvent | undefined {
  try {
    return decide(command, state, context);
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

const nameOf = (state: TaskState): string => (state.phase === 'none' ? '[*]' : statusOf(state));

/** States that differ in nothing a decision looks at are explored once. */
function keyOf(state: TaskState): string {
  if (state.phase === 'none') return 'none';
  const { begun, failed, lost } = state.attempts;
  const worker = state.phase === 'running' ? state.run.worker : '';
  const lane = 'lane' in state ? state.lane : '';
  const waits = 'waiting_for' in state ? state.waiting_for : '';
  const until = state.phase === 'paused' || state.phase === 'cancelled' ? state.until : '';
  const operation = state.phase === 'cancelled' ? state.operation : '';
  const wasPaused = state.phase === 'cancelled' && state.previous === 'PAUSED';
  return [
    state.phase,
    statusOf(state),
    begun > 0,
    failed,
    lost,
    worker,
    lane,
    waits,
    until,
    operation,
    wasPaused,
  ].join();
}

/** All transitions there are. */
function explored(): Transition[] {
  const transitions: Transition[] = [];
  const open: TaskState[] = [NO_TASK];
  const known = new Set(open.map(keyOf));
  for (let state = open.shift(); state; state = open.shift()) {
    const sequence = state.phase === 'none' ? 0 : state.sequence;
    for (const [command, context] of commandsFor(state).flatMap((command) => [
      [command, NOW] as const,
      [command, later(3600)] as const,
    ])) {
      const event = accepted(command, state, context);
      if (!event) continue;
      const next = evolve(state, factOf(event, sequence + 1, sequence));
      transitions.push({
        from: nameOf(state),
        command: command.type,
        kind: isLane(event.kind) ? 'ready' : event.kind,
        to: nameOf(next),
      });
      if (!known.has(keyOf(next))) open.push(next);
      known.add(keyOf(next));
    }
  }
  return transitions;
}

const sortedSet = (items: Iterable<string>): string[] => [...new Set(items)].sort();
const listOf = (text: string): string[] => text.split(',').map((part) => part.trim());

describe('the reference of the states', () => {
  const page = read('../../../docs/reference/task-states.md');
  const edges = [...page.matchAll(/^ +(\S+) --> (\w+|\[\*\])(?:: (.*))?$/gm)].map(
    ([, from = '', to = '', kinds]) => ({ from, to, kinds: kinds === undefined ? [] : listOf(kinds) }),
  );
  const rowsBelow = (heading: string): string[][] =>
    (page.split(`## ${heading}`)[1]?.split('\n## ')[0] ?? '')
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.replaceAll('`', '').trim()),
      );
  const transitions = explored();

  it('draws every transition that can happen, and no other', () => {
    const drawn = edges.flatMap(({ from, to, kinds }) => kinds.map((kind) => `${from} --> ${to}: ${kind}`));
    expect(sortedSet(drawn)).toEqual(
      sortedSet(transitions.map(({ from, to, kind }) => `${from} --> ${to}: ${kind}`)),
    );
    expect(drawn).toHaveLength(new Set(drawn).size);
  });

  it('draws an end where no transition leads on', () => {
    const ends = STATUSES.filter((status) => !transitions.some(({ from }) => from === status));
    expect(sortedSet(edges.filter(({ to }) => to === '[*]').map(({ from }) => from))).toEqual(
      sortedSet(ends),
    );
  });

  it('explains every state, with the facts that lead into it', () => {
    const rows = rowsBelow('What each state means');
    expect(sortedSet(rows.map(([state = '']) => state))).toEqual(sortedSet(STATUSES));
    for (const [state, , kinds = ''] of rows) {
      const leading = transitions.filter(({ to }) => to === state).map(({ kind }) => kind);
      expect([state, sortedSet(listOf(kinds))]).toEqual([state, sortedSet(leading)]);
    }
  });

  it('lists every command, the states it may be given in, and what it writes', () => {
    const stated = rowsBelow('Who may leave which state').map(([command, , from = '', kinds = '']) => [
      command,
      sortedSet(listOf(from)),
      sortedSet(listOf(kinds)),
    ]);
    const actual = sortedSet(transitions.map(({ command }) => command)).map((command) => {
      const own = transitions.filter((transition) => transition.command === command);
      return [command, sortedSet(own.map(({ from }) => from)), sortedSet(own.map(({ kind }) => kind))];
    });
    expect(Object.fromEntries(stated.map(([command, ...rest]) => [command, rest]))).toEqual(
      Object.fromEntries(actual.map(([command, ...rest]) => [command, rest])),
    );
  });
});

describe('the README', () => {
  const context = NOW;
  const append = (event: TaskEvent | undefined): Fact => factOf(event!, 17, 0);

  it('has an example that runs', () => {
    // #region example
    const event = decide({ type: 'submit', spec, parameters: { film: 'a.mov' } }, NO_TASK, context);
    // A p5: ready in the lane of its priority. `append` is the caller's; say the log gives it the sequence 17.
    const state = evolve(NO_TASK, append(event));

    const started = decide({ type: 'claim', worker: 'w1', ticket: 17 }, state, context);
    // The first attempt. Any other ticket is void and refused with `task/not-claimable`:
    const withAnotherTicket = () => decide({ type: 'claim', worker: 'w2', ticket: 16 }, state, context);
    // #endregion
    expect(event?.kind).toBe('p5');
    expect(state).toMatchObject({ phase: 'ready', ticket: 17 });
    expect(started).toMatchObject({ kind: 'started', data: { attempt: 1, ticket: 17 } });
    expect(withAnotherTicket).toThrow(expect.objectContaining({ code: 'task/not-claimable' }));
  });

  it('shows the example as it runs, on less than 60 lines', () => {
    const readme = read('../README.md');
    const [, shown] = /```ts\n([^]*?)```/.exec(readme) ?? [];
    const [, run = ''] =
      /#region example\n([^]*?) *\/\/ #endregion/.exec(read('../src/documents.unit.spec.ts')) ?? [];
    expect(shown).toBe(run.replaceAll(/^ {4}/gm, ''));
    expect(readme.split('\n').length).toBeLessThan(60);
  });
});

describe('docs/guides/alerts.md', () => {
  const rows = read('../../../docs/guides/alerts.md')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.split('|').map((cell) => cell.trim()));

  it('shows the default rules as they are', () => {
    const shown = (value: number | undefined, unit: string): string => {
      if (value === undefined) return '—';
      if (unit === 'bytes') return `${value / 1024 ** 3} GB`;
      return unit === 'tasks' ? String(value) : `${value} ${unit === 'percent' ? '%' : 's'}`;
    };
    for (const { name, metric, each, warning, critical, for_seconds } of DEFAULT_ALERT_RULES) {
      const { unit } = ALERT_METRICS[metric];
      const measured = `\`${metric}\`${each ? `, each ${each}` : ''}`;
      const thresholds = [shown(warning, unit), shown(critical, unit), `${for_seconds} s`];
      expect(rows).toContainEqual(['', `\`${name}\``, measured, ...thresholds, '']);
    }
  });

  it('says of every metric what it is', () => {
    for (const [name, { unit, meaning }] of Object.entries(ALERT_METRICS))
      expect(rows).toContainEqual(['', `\`${name}\``, unit, meaning, '']);
  });
});
