export { findNatsServer, type FindNatsServerOptions, type FoundNatsServer } from './nats/find-nats-server.js';
export type { NatsServerSource } from './nats/fetch-way.js';
export { startNats, type RunningNats, type StartNatsOptions } from './nats/start-nats.js';
export { startPostgres, type RunningPostgres, type StartPostgresOptions } from './postgres/start-postgres.js';
export {
  DataDirInUseError,
  EmbeddedServerError,
  NatsServerNotFoundError,
  PortTakenError,
} from './server/errors.js';
export type { ServerExit } from './server/server-process.js';
export { watchOver } from './server/watchdog.js';
