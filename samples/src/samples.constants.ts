export const SAMPLES_CONFIG = Symbol('millrace:samples-config');
