import type { Fact, Kind, TaskError } from '@millrace/domain';

/** An attempt as its facts tell it. */
export interface AttemptView {
  /** Its number, from 1. */
  attempt: number;
  worker: string;
  /** The fact that ended it, or `lost` with its worker; undefined while it runs. */
  end: Kind | 'lost' | undefined;
  error: TaskError | undefined;
}

export function attemptsOf(facts: readonly Fact[]): AttemptView[] {
  const attempts: AttemptView[] = [];
  for (const fact of facts) {
    const last = attempts.at(-1);
    const running = last && last.end === undefined ? last : undefined;
    if (fact.kind === 'started') {
      if (running) running.end = 'lost';
      const { attempt, worker } = fact.data;
      attempts.push({ attempt, worker, end: undefined, error: undefined });
    } else if (running && !REPORTS.has(fact.kind)) {
      running.end = fact.kind;
      if ('error' in fact.data) running.error = fact.data.error;
    }
  }
  return attempts;
}

/** They go on after it. */
const REPORTS: ReadonlySet<Kind> = new Set(['progress', 'checkpoint', 'step']);
