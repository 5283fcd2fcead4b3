export type { Json, Progress } from '@millrace/domain';
export * from './errors.js';
export type { TaskContext } from './task-context.js';
export { TaskHandler } from './task-handler.decorator.js';
export type { TaskHandlerOptions } from './task-handler.decorator.js';
