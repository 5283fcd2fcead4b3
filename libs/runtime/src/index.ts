export { ConfigError, commonSettings, databaseSettings, readConfig } from './config.js';
export { NestLogger, createLogger, lineLogger, tappedChild } from './logging.js';
export type { Logger } from './logging.js';
export { NODE_ARGUMENTS, runMain, stopOnSignal, surviveStrayRejections } from './process.js';
export { DEFAULT_TEMP_DIR } from './temp-dir.js';
