export { REBUILD_SCHEMA, Rebuild } from './rebuild-tables.js';
export type { RebuildOptions } from './rebuild-tables.js';
