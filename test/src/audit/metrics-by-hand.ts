import type { Fact, Kind, TaskStatus } from '@millrace/domain';
import type { Database } from '@millrace/read-model';

/** What is counted here, with the column of the table that must say the same. */
type Counted =
  | 'submitted'
  | 'started'
  | 'completed'
  | 'failed'
  | 'retried'
  | 'cancelled'
  | 'paused'
  | 'resumed'
  | 'runs'
  | 'run_us'
  | `in_${Lowercase<TaskStatus>}`;

type Counts = Partial<Record<Counted, number>>;

const SHOWN = 5;

export interface MetricsResult {
  minutes: number;
  faults: string[];
}

/** Counts every minute anew from the facts alone, by rules of its own, and compares it with the row of the table. */
export async function compareMetrics(
  database: Database,
  histories: ReadonlyMap<string, Fact[]>,
): Promise<MetricsResult> {
  const counted = countByHand(histories);
  const rows = await database.rows<Record<string, unknown> & { key: string }>(
    `SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI') || ' ' || queue || ' ' || name AS key, metrics.*
     FROM metrics WHERE span = 'minute'`,
  );
  const told = new Map(rows.map((row) => [row.key, row]));
  const differences: string[] = [];
  for (const key of new Set([...counted.keys(), ...told.keys()])) {
    const byHand = counted.get(key) ?? {};
    for (const counter of COUNTED) {
      const [expected, found] = [byHand[counter] ?? 0, Number(told.get(key)?.[counter] ?? 0)];
      if (expected !== found) differences.push(`${key}: ${counter} is ${found}, by hand ${expected}`);
    }
  }
  return {
    minutes: counted.size,
    faults:
      differences.length === 0
        ? []
        : [`metrics: ${differences.length} numbers differ:\n${differences.slice(0, SHOWN).join('\n')}`],
  };
}

const COUNTED: readonly Counted[] = [
  'submitted',
  'started',
  'completed',
  'failed',
  'retried',
  'cancelled',
  'paused',
  'resumed',
  'runs',
  'run_us',
  'in_pending',
  'in_started',
  'in_processing',
  'in_success',
  'in_failure',
  'in_retry',
  'in_revoked',
  'in_paused',
];

function countByHand(histories: ReadonlyMap<string, Fact[]>): Map<string, Counts> {
  const minutes = new Map<string, Counts>();
  for (const facts of histories.values()) {
    const name = facts.flatMap(({ data }) => ('task' in data ? [data.task.name] : []))[0] ?? '';
    let status: TaskStatus | undefined;
    for (const fact of facts) {
      const key = `${fact.at.slice(0, '2026-01-01T00:00'.length)} ${fact.queue} ${name}`;
      const counts = minutes.get(key) ?? {};
      const add = (counter: Counted, by = 1): void => {
        counts[counter] = (counts[counter] ?? 0) + by;
      };
      const next = statusAfter(fact);
      if (next === status && isReport(fact)) continue;
      minutes.set(key, counts);
      if (status) add(`in_${lower(status)}`, -1);
      add(`in_${lower(next)}`);
      if (!status) add('submitted');
      // A delayed task that was paused goes back to its wait.
      if (fact.kind === 'scheduled' && status === 'PAUSED') add('resumed');
      status = next;
      countFact(fact, add);
    }
  }
  return minutes;
}

/** What the fact itself counts as. */
const COUNTS_AS: Partial<Record<Kind, Counted>> = {
  started: 'started',
  succeeded: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
  paused: 'paused',
};

function countFact(fact: Fact, add: (counter: Counted, by?: number) => void): void {
  const counter = COUNTS_AS[fact.kind];
  if (counter) add(counter);
  else if (fact.kind === 'scheduled' && fact.data.error) add('retried');
  else if ('reason' in fact.data && fact.data.reason === 'resumed') add('resumed');
  const isEnd =
    fact.kind === 'succeeded' || fact.kind === 'failed' || (fact.kind === 'scheduled' && fact.data.error);
  if (!isEnd || fact.data.duration_ms === undefined) return;
  add('runs');
  add('run_us', Math.round(fact.data.duration_ms * 1000));
}

const isReport = ({ kind }: Fact): boolean => ['progress', 'checkpoint', 'step'].includes(kind);

const lower = (status: TaskStatus): Lowercase<TaskStatus> => status.toLowerCase() as Lowercase<TaskStatus>;

const STATUS_AFTER: Partial<Record<Kind, TaskStatus>> = {
  started: 'STARTED',
  progress: 'PROCESSING',
  checkpoint: 'PROCESSING',
  step: 'PROCESSING',
  paused: 'PAUSED',
  succeeded: 'SUCCESS',
  failed: 'FAILURE',
  cancelled: 'REVOKED',
};

/** The status of a task after a fact, as the reference of states says it. */
export const statusAfter = (fact: Fact): TaskStatus =>
  fact.kind === 'scheduled' && fact.data.reason === 'retry'
    ? 'RETRY'
    : (STATUS_AFTER[fact.kind] ?? 'PENDING');
