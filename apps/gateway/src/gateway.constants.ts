/** Injects the {@link GatewayConfig}. */
export const CONFIG = Symbol('gateway:config');

/** Injects the logger of the process. */
export const LOGGER = Symbol('gateway:logger');

/** Injects the read models' {@link Database}. */
export const DATABASE = Symbol('gateway:database');

/** The log answers within this time, or the caller is told to come back. */
export const DEADLINE_MS = 5_000;
