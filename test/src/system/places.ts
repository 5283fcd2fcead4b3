import { fileURLToPath } from 'node:url';

/** The folder of the clone: this file runs as test/dist/system/places.js. */
export const PROJECT_DIR = fileURLToPath(new URL('../../..', import.meta.url));

/** Where `npm start` and the suites keep the nats-server they found. */
export const NATS_CACHE_DIR = fileURLToPath(new URL('../../../.millrace/bin', import.meta.url));

/** The handlers of {@link ./chaos-handlers.ts}, for MILLRACE_HANDLERS. */
export const CHAOS_HANDLERS = fileURLToPath(new URL('./chaos-handlers.js', import.meta.url));

/** The handlers of {@link ./long-run-handlers.ts}, for MILLRACE_HANDLERS. */
export const LONG_RUN_HANDLERS = fileURLToPath(new URL('./long-run-handlers.js', import.meta.url));

/** The handlers of {@link ./stray-handlers.ts}. */
export const STRAY_HANDLERS = fileURLToPath(new URL('./stray-handlers.js', import.meta.url));

/** The compiled main of an app. */
export const appMain = (app: string): string =>
  fileURLToPath(new URL(`../../../apps/${app}/dist/main.js`, import.meta.url));
