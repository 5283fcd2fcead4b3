export const CONFIG = Symbol('projector config');
export const LOGGER = Symbol('logger');
/** Where the process tells of itself; nothing where nobody asks. */
export const TELEMETRY = Symbol('telemetry');

/** A note without an answer is given up after so long. */
export const NOTE_DEADLINE_MS = 5_000;
