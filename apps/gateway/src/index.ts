export { readGatewayConfig } from './config.js';
export type { GatewayConfig } from './config.js';
export { startGateway } from './gateway.js';
export type { RunningGateway } from './gateway.js';
