import type { ExistingTask, Fact } from '@millrace/domain';

/** What a run goes on from, beside the card of its task. */
export interface Records {
  /** Its checkpoint, the steps before that still count, and the steps since. */
  facts: Fact[];
  /** The last signal of each name that it has taken. */
  taken: ReadonlyMap<string, number>;
}

/** Where facts are looked for: see {@link Reader.recordAt}. */
interface Read {
  recordAt: (sequence: number) => Promise<Fact | undefined>;
}

/** A record that a run would need is nowhere any more: whatever becomes of the task, it cannot go on from there. */
export class RecordLostError extends Error {
  override readonly name = 'RecordLostError';

  constructor(readonly sequence: number) {
    super(`The checkpoint or step ${sequence} is in the log no longer.`);
  }
}

/**
 * All records that a run would read which goes on from this checkpoint and step; 0 for none.
 *
 * @throws RecordLostError
 */
export async function recordsOf(
  read: Read,
  { checkpoint, step }: Pick<ExistingTask, 'checkpoint' | 'step'>,
): Promise<Records> {
  const fact = checkpoint > 0 ? await recordAt(read, checkpoint) : undefined;
  const saved = fact?.kind === 'checkpoint' ? fact.data : undefined;
  const steps = await stepsBack(read, step);
  const earlier = await Promise.all(
    Object.values(saved?.steps ?? {}).map((sequence) => recordAt(read, sequence)),
  );
  const taken = new Map(Object.entries(saved?.signals ?? {}));
  for (const { kind, data } of steps)
    if (kind === 'step' && data.signal !== undefined && data.signal_name !== undefined)
      taken.set(data.signal_name, Math.max(data.signal, taken.get(data.signal_name) ?? 0));
  return { facts: [...(fact ? [fact] : []), ...earlier, ...steps], taken };
}

/** The steps since the checkpoint, by the links from the last one back. */
async function stepsBack(read: Read, last: number): Promise<Fact[]> {
  const steps: Fact[] = [];
  for (let wave = last > 0 ? [last] : []; wave.length > 0;) {
    steps.push(...(await Promise.all(wave.map((sequence) => recordAt(read, sequence)))));
    const oldest = steps.at(-1);
    wave = (oldest?.kind === 'step' ? oldest.data.before : undefined) ?? [];
  }
  return steps;
}

async function recordAt(read: Read, sequence: number): Promise<Fact> {
  const fact = await read.recordAt(sequence);
  if (fact) return fact;
  throw new RecordLostError(sequence);
}
