import { isDeepStrictEqual } from 'node:util';
import type { Fact, Json } from '@millrace/domain';
import type { DiffedStep, TaskDiff } from './task-diff.schema.js';
import type { TaskView } from './task-view.schema.js';

/** A run, as far as it is compared. */
export interface ComparedRun {
  task: TaskView;
  /** Its own facts, in order. */
  facts: readonly Fact[];
  /** Facts of its origin up to where it branched off. */
  takenOver: readonly Fact[];
}

type Steps = Map<string, { kind: 'step' | 'checkpoint'; output: Json; shown: DiffedStep }>;

const PATHS_AT_MOST = 100;
const OUTPUT_BYTES_SHOWN = 16 * 1024;

/** What two runs did, side by side: steps are paired by their names, in the order of the left one. */
export function diffOf(left: ComparedRun, right: ComparedRun): TaskDiff {
  const [ofLeft, ofRight] = [stepsOf(left), stepsOf(right)];
  const names = new Set([...ofLeft.keys(), ...ofRight.keys()]);
  return {
    left: left.task.task_id,
    right: right.task.task_id,
    parameters_changed: changedPaths(left.task.parameters as Json, right.task.parameters as Json),
    steps: [...names].map((name) => {
      const [one, other] = [ofLeft.get(name), ofRight.get(name)];
      const same = one !== undefined && other !== undefined && isDeepStrictEqual(one.output, other.output);
      const kind = (one ?? other)?.kind ?? 'step';
      return { name, kind, left: one?.shown ?? null, right: other?.shown ?? null, same };
    }),
    attempts: pair(left.task.attempts, right.task.attempts, (attempts) =>
      attempts.map(({ outcome, error }) => [outcome, error?.name]),
    ),
    result: pair(endOf(left.task), endOf(right.task), ({ error, ...end }) => [
      end,
      error?.name,
      error?.message,
    ]),
    totals: { left: totalsOf(left, ofLeft.size), right: totalsOf(right, ofRight.size) },
  };
}

const pair = <T>(left: T, right: T, essence: (side: T) => unknown): { left: T; right: T; same: boolean } => ({
  left,
  right,
  same: isDeepStrictEqual(essence(left), essence(right)),
});

/** What the run has recorded, by name. A run from the start forgets what was before. */
function stepsOf({ takenOver, facts }: ComparedRun): Steps {
  const steps: Steps = new Map();
  for (const fact of [...takenOver, ...facts]) {
    if ('reason' in fact.data && fact.data.reason === 'restarted') steps.clear();
    if (fact.kind === 'checkpoint') add(steps, 'checkpoint', fact, fact.data.state);
    if (fact.kind === 'step') add(steps, fact.data.name, fact, fact.data.result ?? null);
  }
  return steps;
}

function add(steps: Steps, name: string, fact: Fact & { kind: 'step' | 'checkpoint' }, output: Json): void {
  const { kind, sequence, task_id, at, data } = fact;
  const bytes = Buffer.byteLength(JSON.stringify(output));
  const shown = {
    task_id,
    sequence,
    attempt: data.run.attempt,
    at,
    duration_ms: ('duration_ms' in data ? data.duration_ms : undefined) ?? null,
    output: bytes > OUTPUT_BYTES_SHOWN ? null : output,
    output_bytes: bytes,
  };
  steps.set(freeName(steps, name), { kind, output, shown });
}

/** Of a wait the second record is its end: a number tells the two apart, as it does for the rounds of a loop. */
function freeName(steps: Steps, name: string): string {
  if (!steps.has(name)) return name;
  for (let number = 2; ; number++) if (!steps.has(`${name}#${number}`)) return `${name}#${number}`;
}

/** The paths at which two values differ; empty for the whole. */
function changedPaths(left: Json, right: Json): string[] {
  const paths: string[] = [];
  const compare = (one: Json | undefined, other: Json | undefined, path: string): void => {
    if (paths.length >= PATHS_AT_MOST || isDeepStrictEqual(one, other)) return;
    if (Array.isArray(one) && Array.isArray(other))
      for (let at = 0; at < Math.max(one.length, other.length); at++)
        compare(one[at], other[at], `${path}[${at}]`);
    else if (isRecord(one) && isRecord(other))
      for (const key of new Set([...Object.keys(one), ...Object.keys(other)]))
        compare(one[key], other[key], path === '' ? key : `${path}.${key}`);
    else paths.push(path);
  };
  compare(left, right, '');
  return paths;
}

const isRecord = (value: Json | undefined): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const endOf = ({ status, result, error }: TaskView): TaskDiff['result']['left'] => ({
  status,
  result: result ?? null,
  error,
});

const totalsOf = ({ task, facts }: ComparedRun, steps: number): TaskDiff['totals']['left'] => ({
  events: facts.length,
  steps,
  attempts: task.attempts.length,
  attempts_ms: task.attempts.reduce((sum, { duration_ms }) => sum + (duration_ms ?? 0), 0),
  elapsed_seconds:
    task.finished_at === null ? null : (Date.parse(task.finished_at) - Date.parse(task.submitted_at)) / 1000,
});
