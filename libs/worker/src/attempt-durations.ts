import { BoundedChildren, DurationCounts } from '@millrace/runtime';
import type { DurationReading } from '@millrace/runtime';

type Outcome = 'succeeded' | 'failed';
type OfName = Record<Outcome, DurationCounts>;

const QUEUES_AT_MOST = 50;
const NAMES_AT_MOST = 100;

/** How long attempts ran here, by queue, task name and outcome. */
export class AttemptDurations {
  readonly #queues = new BoundedChildren(
    QUEUES_AT_MOST,
    () =>
      new BoundedChildren<OfName>(NAMES_AT_MOST, () => ({
        succeeded: new DurationCounts(),
        failed: new DurationCounts(),
      })),
  );

  observe(queue: string, taskName: string, outcome: Outcome, durationMs: number): void {
    this.#queues
      .of(queue)
      .of(taskName)
      [outcome].observe(durationMs / 1_000);
  }

  read(): DurationReading[] {
    return [...this.#queues].flatMap(([queue, names]) =>
      [...names].flatMap(([task_name, ofName]) =>
        (['succeeded', 'failed'] as const).map((outcome) => ({
          counts: ofName[outcome],
          labels: { queue, task_name, outcome },
        })),
      ),
    );
  }
}
