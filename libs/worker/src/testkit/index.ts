export type { AttemptView } from './attempts.js';
export { testHandler } from './test-handler.js';
export type { HandlerKit, SubmitOptions } from './test-handler.js';
export type { CrashPoint } from './crash-plan.js';
export type { Duration } from './test-clock.js';
export type { Goal, Phase, TestRun } from './test-run.js';
