export { REBUILD_SCHEMA, Rebuild } from './rebuild/rebuild-tables.js';
export type { RebuildOptions } from './rebuild/rebuild-tables.js';
