/**
 * The version of the fold. A change by which the same facts give other rows raises it: tables of another version go on being written,
 * and are to be rebuilt.
 */
export const READ_MODEL_VERSION = '1';
