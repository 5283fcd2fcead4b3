import { STEPS_NAMED } from '@millrace/domain';
import type { Fact, Json, Run, StepRecord, StepType } from '@millrace/domain';
import { StepChangedError, UnrecoverableError } from '../errors.js';
import type { LogPort } from './log-port.js';

/** A step as it stands in the log. */
interface Recorded {
  sequence: number;
  step: StepRecord;
}

/** A step that begins in this attempt. */
export interface Begun {
  key: string;
  type: StepType;
  order: number;
  /** What was recorded of it since the checkpoint. */
  recorded: StepRecord | undefined;
  /** Sequence of its record from before the checkpoint: its result must be read first. */
  keptAt: number | undefined;
}

/** Names that the run makes itself begin so; a handler's do not. */
const OWN = '~';
const NAME_LENGTH = 128;

/**
 * What a run has recorded, by the keys of its steps: read once when an attempt starts, then kept up to date. It holds the steps since the
 * last checkpoint whole, and the names of those before it, so a resume reads what came after the checkpoint and nothing else.
 *
 * A handler that is run again must begin the same steps in the same order as before, as far as they were recorded since the checkpoint:
 * another order or another name means that its code has changed, and results would be given to the wrong step.
 */
export class Journal {
  /** The state of the last checkpoint. */
  readonly resumedFrom: Json | undefined;
  #kept: Map<string, number>;
  #signals: Map<string, number>;
  readonly #since = new Map<string, Recorded>();
  /** Sequences since the checkpoint, the newest first. */
  #newest: number[] = [];
  /** Per scope: which key was recorded as which number since the checkpoint. */
  #expected = new Map<string, Map<number, string>>();
  #begun = new Set<string>();
  /** Of the steps begun since the checkpoint, also of those that failed: begun again, a step keeps its number. */
  #orders = new Map<string, number>();
  #counts = new Map<string, number>();

  constructor(checkpoint: Fact | undefined, steps: readonly Fact[]) {
    const saved = checkpoint?.kind === 'checkpoint' ? checkpoint.data : undefined;
    this.resumedFrom = saved?.state;
    this.#kept = new Map(Object.entries(saved?.steps ?? {}));
    this.#signals = new Map(Object.entries(saved?.signals ?? {}));
    for (const fact of steps) if (fact.kind === 'step') this.recorded(fact.sequence, fact.data);
    for (const { step } of this.#since.values()) this.#expect(step);
  }

  /**
   * Begins a step. Its key is its path.
   *
   * @throws UnrecoverableError when the name was used before, or cannot be one
   * @throws StepChangedError when the run has recorded another step in its place
   */
  begin(scope: string, name: string, type: StepType): Begun {
    if (!isOwn(name)) checkName(name);
    const key = pathOf(scope, name);
    if (this.#begun.has(key))
      throw new UnrecoverableError(
        `The step "${key}" was begun twice. Give each step of a run a name of its own, such as "${name}-1".`,
      );
    this.#begun.add(key);
    const recorded = this.#since.get(key)?.step;
    const keptAt = recorded ? undefined : this.#kept.get(key);
    // What the checkpoint keeps is asked for at will: after a checkpoint a handler starts where it wants.
    if (keptAt !== undefined) return { key, type, order: 0, recorded, keptAt };
    const order = this.#orderOf(scope, key);
    const expected = this.#expected.get(scope)?.get(order);
    if ((expected !== undefined && expected !== key) || (recorded && recorded.order !== order))
      throw new StepChangedError(changed(key, order, expected, recorded?.order));
    if (recorded && recorded.type !== type)
      throw new StepChangedError(`The run recorded "${key}" as a ${recorded.type}; now it is a ${type}.`);
    return { key, type, order, recorded, keptAt };
  }

  /** The step has failed: the handler may catch the error and begin it again. */
  failed(key: string): void {
    this.#begun.delete(key);
  }

  /** A name for what has none: the number tells the first from the second since the checkpoint. */
  nameFor(what: string): string {
    for (let number = 1; ; number++) {
      const name = number === 1 ? OWN + what : `${OWN}${what}#${number}`;
      if (!this.#begun.has(name)) return name;
    }
  }

  /** Sequence of the last signal of a name that the run has taken; 0 before the first. */
  lastSignal(name: string): number {
    return this.#signals.get(name) ?? 0;
  }

  /** Sequences for the next record to name. */
  get before(): number[] {
    return this.#newest.slice(0, STEPS_NAMED);
  }

  /** The steps that the next checkpoint keeps. */
  get named(): Record<string, number> {
    const since = [...this.#since].map(([key, { sequence }]) => [key, sequence] as const);
    const lasting = since.filter(([key]) => !isOwn(nameIn(key)));
    return Object.fromEntries([...this.#kept, ...lasting]);
  }

  /** The last signal of each name. */
  get signals(): Record<string, number> {
    return Object.fromEntries(this.#signals);
  }

  recorded(sequence: number, step: StepRecord): void {
    this.#since.set(step.name, { sequence, step });
    this.#newest.unshift(sequence);
    if (step.signal !== undefined && step.signal_name !== undefined)
      this.#signals.set(step.signal_name, Math.max(step.signal, this.lastSignal(step.signal_name)));
  }

  /** A checkpoint was saved: the run starts behind it. */
  checkpointed(steps: Readonly<Record<string, number>>): void {
    this.#kept = new Map(Object.entries(steps));
    this.#since.clear();
    this.#newest = [];
    this.#expected = new Map();
    this.#counts = new Map();
    this.#orders = new Map();
    this.#begun = new Set([...this.#begun].filter((key) => this.#kept.has(key)));
  }

  #orderOf(scope: string, key: string): number {
    const known = this.#orders.get(key);
    if (known !== undefined) return known;
    const order = (this.#counts.get(scope) ?? 0) + 1;
    this.#counts.set(scope, order);
    this.#orders.set(key, order);
    return order;
  }

  #expect({ name, order }: StepRecord): void {
    const scope = scopeOf(name);
    const inScope = this.#expected.get(scope) ?? new Map<number, string>();
    this.#expected.set(scope, inScope.set(order, name));
  }
}

/** Reads what a run has recorded: the checkpoint, and the steps since by the links between them. Nothing in between is looked at. */
export async function readJournal(
  read: LogPort['read'],
  run: Pick<Run, 'checkpoint' | 'step'>,
): Promise<Journal> {
  const [checkpoint, steps] = await Promise.all([
    run.checkpoint === undefined ? undefined : factAt(read, run.checkpoint),
    stepsBack(read, run.step),
  ]);
  return new Journal(checkpoint, steps.reverse());
}

/** The newest first. Each step names many before it, so that a wave of reads takes one round trip. */
async function stepsBack(read: LogPort['read'], last: number | undefined): Promise<Fact[]> {
  const facts: Fact[] = [];
  for (let wave = last === undefined ? [] : [last]; wave.length > 0;) {
    facts.push(...(await Promise.all(wave.map((sequence) => factAt(read, sequence)))));
    const oldest = facts.at(-1);
    wave = (oldest?.kind === 'step' ? oldest.data.before : undefined) ?? [];
  }
  return facts;
}

async function factAt(read: LogPort['read'], sequence: number): Promise<Fact> {
  const fact = await read.recordAt(sequence);
  if (fact) return fact;
  throw new UnrecoverableError(
    `The fact ${sequence}, from which the run would go on, is no longer in the log. It can be retried from the start.`,
  );
}

const pathOf = (scope: string, name: string): string => (scope === '' ? name : `${scope}/${name}`);

const isOwn = (name: string): boolean => name.startsWith(OWN);

const scopeOf = (key: string): string => key.slice(0, Math.max(0, key.lastIndexOf('/')));

const nameIn = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

function checkName(name: string): void {
  if (name.length > 0 && name.length <= NAME_LENGTH && !name.includes('/')) return;
  throw new UnrecoverableError(
    `"${name}" cannot be the name of a step: 1 to ${NAME_LENGTH} characters, without "/" and not beginning with "${OWN}".`,
  );
}

function changed(key: string, order: number, expected: string | undefined, was: number | undefined): string {
  const found = expected === undefined ? `recorded it as step ${was}` : `recorded "${expected}" there`;
  return (
    `The handler now begins "${key}" as step ${order} since the last checkpoint, but the run ${found}. ` +
    'Its code has changed meanwhile: run it with the old code, or retry it from the start.'
  );
}
