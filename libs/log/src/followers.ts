import type { NatsConnection } from '@nats-io/transport-node';
import { Follower } from './follower.js';
import type { FollowOptions } from './follower.js';
import type { Requests } from './requests.js';

/** The followers of a process that have not stopped. */
export class Followers {
  readonly #running = new Set<Follower>();

  constructor(
    private readonly connection: NatsConnection,
    private readonly requests: Requests,
  ) {}

  follow(options: FollowOptions): Follower {
    const follower: Follower = new Follower(this.connection, this.requests, options, () =>
      this.#running.delete(follower),
    );
    this.#running.add(follower);
    return follower.start();
  }

  /** The connection was away. */
  resync(): void {
    for (const follower of this.#running) follower.resync();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running].map((follower) => follower.stop()));
  }
}
