export const CONFIG = Symbol('projector config');
export const LOGGER = Symbol('logger');
/** Where the process tells of itself; nothing where nobody asks. */
export const TELEMETRY = Symbol('telemetry');
