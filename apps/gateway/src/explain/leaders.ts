import { UNKNOWN } from './situation.js';
import type { Situation } from './situation.js';

/** Concerns without whose leader some tasks wait. */
type Concern = 'limits' | 'sweeper';

const MEANS: Record<Concern, string> = {
  limits: 'No scheduler leads the limits of queues at this moment, and nobody else gives slots',
  sweeper: 'No scheduler leads the sweeper at this moment, and nobody else repairs timers',
};

/** False only if it is known that nobody does. */
export const isLed = ({ leaders }: Situation, concern: Concern): boolean =>
  leaders === UNKNOWN || leaders.has(concern);

/** What waits for the scheduler alone waits for its leader. */
export function leaderSentences(situation: Situation, concern: Concern): string[] {
  const { leaders } = situation;
  if (isLed(situation, concern)) return [];
  if (leaders !== UNKNOWN && leaders.size === 0)
    return ['No scheduler runs: nothing that waits for it goes on. Start one.'];
  return [`${MEANS[concern]}: if one runs, it takes over within 5 seconds.`];
}
