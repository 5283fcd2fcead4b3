import type { Fact } from '@millrace/domain';
import { allArchived, readArchive } from '../audit/archive.js';
import { audit } from '../audit/audit.js';
import { readFacts } from '../audit/read-facts.js';
import { compareWithRebuild } from '../audit/rebuild.js';
import type { TaskWatch } from '../audit/task-watch.js';
import type { System } from '../system/system.js';
import { Dice } from './dice.js';
import type { Load } from './load.js';

/** `short` for the suite, `long` for `npm run chaos`: the same code with other figures. */
export type Form = 'short' | 'long';

/** One way to do harm, and what must hold all the same. */
export interface Scenario {
  /** For `--only`. */
  name: string;
  /** What is proven, as a sentence. */
  claim: string;
  run: (round: Round) => Promise<void>;
}

/** One run of a scenario: its chance, and what it found. */
export class Round {
  readonly dice: Dice;
  readonly faults: string[] = [];
  readonly figures: Record<string, number> = {};

  constructor(
    readonly form: Form,
    readonly seed: number,
    private readonly say: (line: string) => void = () => undefined,
  ) {
    this.dice = new Dice(seed);
  }

  /** The one of two that belongs to the form. */
  choose<T>(figures: { short: T; long: T }): T {
    return figures[this.form];
  }

  note(line: string): void {
    this.say(line);
  }

  count(name: string, by = 1): void {
    this.figures[name] = (this.figures[name] ?? 0) + by;
  }

  /** Notes the fault unless the condition holds. */
  expect(condition: boolean, fault: string): void {
    if (!condition) this.faults.push(fault);
  }
}

/** How a scenario ends. */
export interface Conclusion {
  /** Defaults to 60 s. */
  endWithinMs?: number;
  /** Whether the harm may leave behind what only the sweeper finds. Defaults to no: whatever it repairs is a fault. */
  mayNeedRepairs?: boolean;
  /** Whether facts leave the log meanwhile: then the archive tells the history. */
  isShortened?: boolean;
  /** Tasks that are not of the load, and are judged apart. */
  isApart?: (taskId: string) => boolean;
}

const END_WITHIN_MS = 60_000;

/** Waits for all ends; compares orders, log and side effects; then both tables with a rebuild. Resolves with the facts of all tasks. */
export async function conclude(
  round: Round,
  system: System,
  watch: TaskWatch,
  load: Load,
  {
    endWithinMs = END_WITHIN_MS,
    mayNeedRepairs = false,
    isShortened = false,
    isApart = () => false,
  }: Conclusion = {},
): Promise<Map<string, Fact[]>> {
  round.note(`waiting for the end of ${watch.open} of ${load.orders.length} tasks`);
  if (isShortened) await allArchived(system.database, load.accepted(), endWithinMs);
  else await watch.allEnded(load.accepted(), endWithinMs);
  await watch.stop();
  round.note('comparing orders, log and side effects');
  const histories = isShortened ? await readArchive(system.database) : await readFacts(system.log);
  const ofLoad = new Map([...histories].filter(([taskId]) => !isApart(taskId)));
  const { faults, ...figures } = audit(load.orders, ofLoad, system.journal.lines(), system.deaths);
  round.note('comparing with a rebuild');
  const rebuild = await compareWithRebuild(system);
  round.faults.push(...faults, ...rebuild.faults);
  for (const [name, figure] of Object.entries(figures)) round.count(name, figure);
  round.count('rows', rebuild.rows);
  round.count('repairs', watch.repairs);
  round.expect(mayNeedRepairs || watch.repairs === 0, `the sweeper repaired ${watch.repairs} healthy tasks`);
  return histories;
}

export interface RoundReport {
  faults: readonly string[];
  figures: Readonly<Record<string, number>>;
  seconds: number;
}

/** Runs a scenario once. What it throws is a fault like any other. */
export async function runRound(scenario: Scenario, round: Round): Promise<RoundReport> {
  const begun = performance.now();
  try {
    await scenario.run(round);
  } catch (error) {
    round.faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  const { faults, figures } = round;
  return { faults, figures, seconds: (performance.now() - begun) / 1000 };
}
