import { BoundedChildren, DurationCounts } from '@millrace/runtime';
import type { DurationReading } from '@millrace/runtime';
import type { FastifyInstance } from 'fastify';

/** Routes are those of the gateway, so no more than some dozen: only what asks for nothing that is there is bounded by this. */
const ROUTES_AT_MOST = 300;
const METHODS_AT_MOST = 10;
const UNKNOWN_ROUTE = 'none';
const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

/** How long requests take to be answered, by route, method and class of status. */
export class AnswerTimes {
  readonly #routes = new BoundedChildren(
    ROUTES_AT_MOST,
    () =>
      new BoundedChildren<DurationCounts[]>(METHODS_AT_MOST, () => CLASSES.map(() => new DurationCounts())),
  );

  /** Counts every answer from now on. */
  watch(fastify: FastifyInstance): void {
    fastify.addHook('onResponse', (request, reply, done) => {
      const counts = this.#routes.of(request.routeOptions.url ?? UNKNOWN_ROUTE).of(request.method);
      counts[Math.floor(reply.statusCode / 100) - 1]?.observe(reply.elapsedTime / 1_000);
      done();
    });
  }

  /** Without those that were never seen. */
  read(): DurationReading[] {
    return [...this.#routes].flatMap(([route, methods]) =>
      [...methods].flatMap(([method, classes]) =>
        classes.flatMap((counts, i) => {
          const status = CLASSES[i] ?? '';
          return counts.counts.some((count) => count > 0)
            ? [{ counts, labels: { method, route, status } }]
            : [];
        }),
      ),
    );
  }
}
