export const CONFIG = Symbol('scheduler config');
export const LOGGER = Symbol('logger');
/** Where the process tells of itself; nothing where nobody asks. */
export const TELEMETRY = Symbol('telemetry');

/** Who writes, in the facts and the OPS events of the scheduler. */
export const ACTOR = 'scheduler';

/** A write without an answer is given up after so long; the next round sees whether it was stored. */
export const DEADLINE_MS = 5_000;
