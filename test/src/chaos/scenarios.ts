import type { Scenario } from './scenario.js';
import { brokerKilled } from './scenarios/broker-killed.js';
import { brokerOutage } from './scenarios/broker-outage.js';
import { cancels } from './scenarios/cancels.js';
import { drain } from './scenarios/drain.js';
import { frozenWorker } from './scenarios/frozen-worker.js';
import { gatewayAndProjectorKilled } from './scenarios/gateway-and-projector-killed.js';
import { logShortened } from './scenarios/log-shortened.js';
import { order } from './scenarios/order.js';
import { postgresAway } from './scenarios/postgres-away.js';
import { recorded } from './scenarios/recorded.js';
import { resumes } from './scenarios/resumes.js';
import { schedulersLost } from './scenarios/schedulers-lost.js';
import { timerBurst } from './scenarios/timer-burst.js';
import { workersKilled } from './scenarios/workers-killed.js';

/** Every way in which harm is done. */
export const scenarios: readonly Scenario[] = [
  workersKilled,
  brokerKilled,
  brokerOutage,
  frozenWorker,
  timerBurst,
  gatewayAndProjectorKilled,
  postgresAway,
  logShortened,
  cancels,
  drain,
  resumes,
  order,
  schedulersLost,
  recorded,
];

/** Those that the test suite runs, in their short form; the specs of the projections prove the rest of it in seconds. */
export const scenariosOfSuite: readonly Scenario[] = scenarios.filter((scenario) => scenario !== recorded);
