/** A JSON value: what parameters, results, checkpoints and every body in the log are made of. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
