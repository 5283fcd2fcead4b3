export { spawnApp } from './test-app.js';
export type { TestApp } from './test-app.js';
export { aSpec, aSubmission, openTestLog } from './test-log.js';
export { startTestNats } from './test-nats.js';
export type { TestNats } from './test-nats.js';
export { startTestPostgres } from './test-postgres.js';
export type { TestPostgres } from './test-postgres.js';
export { WaitedInVainError, waitUntil } from './wait-until.js';
export type { WaitOptions } from './wait-until.js';
