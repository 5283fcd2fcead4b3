import type { Fact } from '@millrace/domain';
import { TaskWatch } from '../audit/task-watch.js';
import { withSystem } from '../system/system.js';
import type { System, SystemOptions } from '../system/system.js';
import type { Dice } from './dice.js';
import { Load } from './load.js';
import type { Wish } from './load.js';
import { conclude } from './scenario.js';
import type { Conclusion, Round } from './scenario.js';

/** The harm that a scenario does; it may measure the load meanwhile. */
export type Harm = (system: System, watch: TaskWatch, load: Load) => Promise<void>;

/**
 * Keeps a system busy with so many unfinished tasks, does the harm, waits for all ends, and looks what came of it. Resolves with the facts
 * of all tasks.
 */
export async function underLoad(
  round: Round,
  options: SystemOptions & Conclusion & { unfinished: number; mix: (dice: Dice) => Wish },
  harm: Harm,
): Promise<Map<string, Fact[]>> {
  return withSystem(options, async (system) => {
    const watch = TaskWatch.start(system.log);
    const load = new Load(system.api, round.dice.fork(), `c${round.seed}`);
    const stop = new AbortController();
    const feeding = load.feed(watch, options.unfinished, options.mix, stop.signal);
    // Awaited below; while the harm is being done its failure must not end the process.
    feeding.catch(() => undefined);
    try {
      await Promise.race([harm(system, watch, load), feeding]);
    } finally {
      stop.abort();
    }
    await feeding;
    return conclude(round, system, watch, load, options);
  });
}

/**
 * Plain tasks, quick and slow, delayed ones, ones that expire, ones that fail first, ones that always fail; some of each are cancelled, have
 * long parameters or another priority.
 */
export function mixed(dice: Dice): Wish {
  const wish: Wish = { params: { ms: dice.between(0, 400) } };
  if (dice.chance(0.2)) wish.params.fail = dice.chance(0.1) ? 99 : dice.between(1, 2);
  // What is slow fails once at most: its end is what everybody waits for.
  if (dice.chance(0.3) && (wish.params.fail ?? 0) <= 1) wish.params.ms = dice.between(500, 3000);
  if (dice.chance(0.2)) wish.delaySeconds = dice.between(1, 30) / 10;
  else if (dice.chance(0.05)) wish.expiresInMs = dice.between(2000, 5000);
  if (dice.chance(0.2)) wish.params.report = true;
  if (dice.chance(0.03)) wish.params.ballast = 'x'.repeat(dice.between(8_000, 60_000));
  if (dice.chance(0.2)) wish.priority = dice.between(0, 10);
  if (dice.chance(0.08)) wish.cancelAfterMs = dice.between(0, 3000);
  return wish;
}
