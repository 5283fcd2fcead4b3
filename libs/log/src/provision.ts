import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { LANES } from '@millrace/domain';
import { JetStreamApiError } from '@nats-io/jetstream';
import type { JetStreamManager } from '@nats-io/jetstream';
import { answered, unlessRefused } from './answered.js';
import { LogUnavailableError, ServerCode } from './errors.js';
import { PAUSED_UNTIL, laneConsumer, laneConsumerConfig, streams } from './topology.js';

/** A setting on the server that is not what the topology says. It is reported and left alone: an operator may have meant it. */
export interface Drift {
  what: string;
  setting: string;
  wanted: unknown;
  actual: unknown;
}

/** A cluster that just started needs this long at most to choose its leaders. */
const READY_WITHIN_MS = 30_000;
const READY_RETRY_MS = 500;

/**
 * Sets up what `make` sets up as soon as the broker can: it may be reachable and have no leader yet.
 *
 * @throws LogUnavailableError when it cannot after half a minute
 */
export async function whenReady<T>(make: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      return await answered(make);
    } catch (error) {
      if (!(error instanceof LogUnavailableError) || performance.now() > deadline) throw error;
      await sleep(READY_RETRY_MS);
    }
  }
}

/** Makes the streams that are not there. Safe to run from every process at every start. */
export const provisionStreams = (manager: JetStreamManager, replicas: number): Promise<Drift[]> =>
  provision(manager, Object.values(streams), replicas);

/** Makes the streams anew that a broker without peers forgets when it restarts. */
export const provisionMemoryStreams = (manager: JetStreamManager, replicas: number): Promise<Drift[]> =>
  provision(
    manager,
    Object.values(streams).filter(({ storage }) => storage === 'memory'),
    replicas,
  );

async function provision(
  manager: JetStreamManager,
  all: (typeof streams)[keyof typeof streams][],
  replicas: number,
): Promise<Drift[]> {
  const drifts = await Promise.all(
    all.map(async (wanted) => {
      const config = { ...wanted, subjects: [...wanted.subjects], num_replicas: replicas };
      const info = await ifFound(() => manager.streams.info(wanted.name));
      if (info) return driftOf(`stream ${wanted.name}`, config, info.config);
      await createOrFind(
        () => addStream(manager, config),
        () => manager.streams.info(wanted.name),
      );
      return [];
    }),
  );
  return drifts.flat();
}

/** A broker may have less room than a stream may fill: then it gets a smaller one, which {@link driftOf} tells from the next start on. */
async function addStream(
  manager: JetStreamManager,
  config: Parameters<JetStreamManager['streams']['add']>[0],
): Promise<void> {
  try {
    await manager.streams.add(config);
  } catch (error) {
    const { max_bytes = 0 } = config;
    if (!hasNoRoom(error) || max_bytes < LEAST_BYTES) throw error;
    await addStream(manager, { ...config, max_bytes: Math.floor(max_bytes / SMALLER) });
  }
}

const SMALLER = 8;
const LEAST_BYTES = 1024 ** 2;

const hasNoRoom = (error: unknown): boolean =>
  error instanceof JetStreamApiError &&
  (error.code === ServerCode.storageExceeded || error.code === ServerCode.memoryExceeded);

/** Makes the twelve lane consumers of a queue that are not there; those of a paused queue are made paused. */
export async function provisionQueue(
  manager: JetStreamManager,
  queue: string,
  options: { startSequence: number; leaseSeconds: number; isPaused: boolean },
): Promise<Drift[]> {
  const pause = options.isPaused ? { pause_until: PAUSED_UNTIL.toISOString() } : {};
  const drifts = await Promise.all(
    LANES.map(async (lane) => {
      const wanted = laneConsumerConfig(queue, lane, options);
      const name = laneConsumer(queue, lane);
      const info = await ifFound(() => manager.consumers.info(streams.tasks.name, name));
      const { opt_start_seq: _from, deliver_policy: _policy, ...lasting } = wanted;
      if (info) return driftOf(`consumer ${name}`, lasting, info.config);
      await createOrFind(
        () => manager.consumers.add(streams.tasks.name, { ...wanted, ...pause }),
        () => manager.consumers.info(streams.tasks.name, name),
      );
      return [];
    }),
  );
  return drifts.flat();
}

const driftOf = (what: string, wanted: object, actual: object): Drift[] => {
  const found = new Map<string, unknown>(Object.entries(actual));
  return Object.entries(wanted)
    .map(([setting, value]: [string, unknown]) => ({
      what,
      setting,
      wanted: value,
      actual: found.get(setting),
    }))
    .filter((drift) => !isDeepStrictEqual(drift.wanted, drift.actual));
};

/** Undefined when the server has no such stream or consumer. */
export const ifFound = <T>(ask: () => Promise<T>): Promise<T | undefined> => unlessRefused(NOT_FOUND, ask);

const NOT_FOUND: ReadonlySet<number> = new Set([ServerCode.streamNotFound, ServerCode.consumerNotFound]);

/** Two processes may start at once: who comes second finds what the first one made. */
async function createOrFind(create: () => Promise<unknown>, find: () => Promise<unknown>): Promise<void> {
  try {
    await answered(create);
  } catch (error) {
    await find().catch(() => {
      throw error;
    });
  }
}
