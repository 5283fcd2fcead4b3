export const CONFIG = Symbol('projector config');
export const LOGGER = Symbol('logger');
