import type { TaskHandlerOptions } from './task-handler.decorator.js';

/** What a worker says of itself, for handlers that need it: `{ gpu: 'true', zone: 'eu' }`. */
export type Labels = Readonly<Record<string, string>>;

/** The labels that a worker must have to run a handler. */
export const requiredLabels = ({ requires = {} }: TaskHandlerOptions): Labels =>
  Object.fromEntries(Object.entries(requires).map(([name, value]) => [name, String(value)]));
