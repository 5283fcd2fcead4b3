/** Injects the {@link GatewayConfig}. */
export const CONFIG = Symbol('gateway:config');

/** Injects the logger of the process. */
export const LOGGER = Symbol('gateway:logger');

/** Injects the read models' {@link Database}. */
export const DATABASE = Symbol('gateway:database');
