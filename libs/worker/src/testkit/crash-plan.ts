import type { Kind, TaskEvent } from '@millrace/domain';

/** What an attempt writes, and can be lost with. */
export type CrashPoint = Extract<
  Kind,
  'started' | 'step' | 'checkpoint' | 'scheduled' | 'held' | 'succeeded'
>;

interface Crash {
  when: 'before' | 'after';
  kind: CrashPoint;
  /** Name of the step. */
  name: string | undefined;
}

/** At which writes workers are lost. Each crash happens once. */
export class CrashPlan {
  readonly #crashes: Crash[] = [];

  add(crash: Crash): void {
    this.#crashes.push(crash);
  }

  strikes(when: Crash['when'], event: TaskEvent): boolean {
    const name = event.kind === 'step' ? event.data.name : undefined;
    const at = this.#crashes.findIndex(
      (crash) =>
        crash.when === when && crash.kind === event.kind && (crash.name === undefined || crash.name === name),
    );
    if (at === -1) return false;
    this.#crashes.splice(at, 1);
    return true;
  }
}
