import { LANES } from '@millrace/domain';
import type { Lane } from '@millrace/domain';
import type { JetStreamManager } from '@nats-io/jetstream';
import { answered } from './answered.js';
import { ifFound } from './provision.js';
import type { Reader } from './reader.js';
import { PAUSED_UNTIL, laneConsumer, streams, subjects } from './topology.js';
import type { TaskRef } from './topology.js';

export interface LogState {
  firstSequence: number;
  lastSequence: number;
  messages: number;
  bytes: number;
  /** When the stream was made: another time means another log. */
  createdAt: string;
}

/** The consumer of a lane, as the server counts. */
export interface LaneInfo {
  lane: Lane;
  /** Tickets that were not delivered yet, void ones included. */
  pending: number;
  isPaused: boolean;
}

/**
 * What the janitor, the sweeper and health checks ask of the log. None of it is on the path of a task. Every method fails with
 * LogUnavailableError when the broker does not answer.
 */
export class LogAdmin {
  constructor(
    private readonly manager: JetStreamManager,
    private readonly read: Reader,
  ) {}

  /** @param stream defaults to the log of the tasks */
  async state(stream: string = streams.tasks.name): Promise<LogState> {
    const { created, state } = await answered(() => this.manager.streams.info(stream));
    return {
      firstSequence: state.first_seq,
      lastSequence: state.last_seq,
      messages: state.messages,
      bytes: state.bytes,
      createdAt: created,
    };
  }

  /**
   * How full the store is, from 0 to 1.
   *
   * @param limitBytes taken where the account itself has no limit; without either the answer is 0
   */
  async storeUsage(limitBytes = 0): Promise<number> {
    const { storage, limits } = await answered(() => this.manager.getAccountInfo());
    const limit = limits.max_storage > 0 ? limits.max_storage : limitBytes;
    return limit > 0 ? storage / limit : 0;
  }

  /**
   * The ack floor of each lane of a queue: tickets at or below it will not be delivered again. A lane without a consumer is left out.
   */
  async ackFloors(queue: string): Promise<Map<Lane, number>> {
    const floors = await Promise.all(
      LANES.map(async (lane) => {
        const info = await ifFound(() =>
          this.manager.consumers.info(streams.tasks.name, laneConsumer(queue, lane)),
        );
        return [lane, info?.ack_floor.stream_seq] as const;
      }),
    );
    return new Map(floors.filter((floor): floor is [Lane, number] => floor[1] !== undefined));
  }

  /** The lanes of a queue that have a consumer. */
  async lanes(queue: string): Promise<LaneInfo[]> {
    const infos = await Promise.all(
      LANES.map(async (lane) => {
        const info = await ifFound(() =>
          this.manager.consumers.info(streams.tasks.name, laneConsumer(queue, lane)),
        );
        return info && { lane, pending: info.num_pending, isPaused: info.paused ?? false };
      }),
    );
    return infos.filter((info): info is LaneInfo => info !== undefined);
  }

  /** Lets the server deliver nothing more from a lane, over restarts, or deliver again. A lane without a consumer is passed over. */
  async setPaused(queue: string, lane: Lane, isPaused: boolean): Promise<void> {
    const [stream, consumer] = [streams.tasks.name, laneConsumer(queue, lane)];
    await ifFound(() =>
      isPaused
        ? this.manager.consumers.pause(stream, consumer, PAUSED_UNTIL)
        : this.manager.consumers.resume(stream, consumer),
    );
  }

  /** The consumers of the log by their names: whether each is paused. */
  async pauses(): Promise<Map<string, boolean>> {
    const consumers = new Map<string, boolean>();
    await answered(async () => {
      for await (const { name, paused } of this.manager.consumers.list(streams.tasks.name))
        consumers.set(name, paused ?? false);
    });
    return consumers;
  }

  /** Whether the log holds any message on the subject or filter. */
  async hasMessages(filter: string): Promise<boolean> {
    return (await this.read.lastOn(filter)) !== undefined;
  }

  /** Whether the timer of a wait is still armed. */
  hasTimer(ref: TaskRef, wait: number): Promise<boolean> {
    return this.hasMessages(subjects.timer(ref, wait));
  }

  /** Removes everything below the sequence from the log. Resolves with the number of messages that went. */
  async purgeBelow(sequence: number): Promise<number> {
    const { purged } = await answered(() =>
      this.manager.streams.purge(streams.tasks.name, { seq: sequence }),
    );
    return purged;
  }

  /** Tickets of a queue that were not delivered yet, and those delivered and not acknowledged. */
  async backlog(queue: string): Promise<{ pending: number; unacknowledged: number }> {
    const lanes = await Promise.all(
      LANES.map((lane) =>
        answered(() => this.manager.consumers.info(streams.tasks.name, laneConsumer(queue, lane))),
      ),
    );
    const sum = (count: (lane: (typeof lanes)[number]) => number): number =>
      lanes.reduce((total, lane) => total + count(lane), 0);
    return { pending: sum((lane) => lane.num_pending), unacknowledged: sum((lane) => lane.num_ack_pending) };
  }
}
