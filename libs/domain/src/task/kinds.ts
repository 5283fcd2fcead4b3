/** Lanes in the order in which workers serve them: `front` first, then the highest priority. */
export const LANES = ['front', 'p10', 'p9', 'p8', 'p7', 'p6', 'p5', 'p4', 'p3', 'p2', 'p1', 'p0'] as const;

/** A lane of a queue; a fact in a lane makes the task ready and is the ticket that workers pull. */
export type Lane = (typeof LANES)[number];

/** Every kind of fact. The kind is a token of the subject and the type of the event: one word to grep. */
export const KINDS = [
  ...LANES,
  'scheduled',
  'held',
  'started',
  'progress',
  'checkpoint',
  'step',
  'yielded',
  'paused',
  'succeeded',
  'failed',
  'cancelled',
  'cleaned',
] as const;

/** One transition of a task. */
export type Kind = (typeof KINDS)[number];

/** Kinds that end a task: after them an attempt no longer runs and no ticket waits. */
export const TERMINAL_KINDS = ['succeeded', 'failed', 'cancelled'] as const;

/** Priorities run from 0 to 10; 10 is served first. Defaults to 5. */
export const PRIORITY = { min: 0, max: 10, default: 5 } as const;

const lanes: ReadonlySet<string> = new Set(LANES);
const kinds: ReadonlySet<string> = new Set(KINDS);

/** Whether the kind is a lane, that is, makes the task ready. */
export const isLane = (kind: string): kind is Lane => lanes.has(kind);

/** Whether the token is a kind of fact. */
export const isKind = (token: string): token is Kind => kinds.has(token);

/** The lane of a priority: an integer from 0 to 10. */
export const laneOf = (priority: number): Lane => `p${priority}` as Lane;

/** The place of a lane in the order of service; 0 is served first. */
export const laneRank = (lane: Lane): number => LANES.indexOf(lane);
