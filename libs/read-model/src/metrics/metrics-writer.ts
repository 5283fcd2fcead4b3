import type { Client } from 'pg';
import { addMeasures, copyOf, isNothing, noMeasures } from './measures.js';
import type { Measures } from './measures.js';
import { keyOf, loadMetrics, removeMetrics, writeMetrics } from './metrics-table.js';
import type { Metric, MetricKey } from './metrics-table.js';
import { startOf } from './spans.js';
import type { MinuteMeasures } from './tally.js';

/** Rows of minutes that are kept in memory: those of the last batches, so that they need not be read again. */
const KNOWN_ROWS = 1_000;

/**
 * Adds to the rows of `metrics`. It has no transaction of its own, and what it knows of the table holds for as long as nobody else writes
 * there. What is added to a minute whose hour and day have it already is added to these at once.
 */
export class MetricsWriter {
  readonly #known = new Map<string, Metric>();

  constructor(private readonly client: Client) {}

  /** The rows as they will be, hours and days among them; writes nothing. */
  async added(tally: readonly MinuteMeasures[], factor: 1 | -1 = 1): Promise<Metric[]> {
    const minutes = tally.map(({ measures, ...key }) => ({
      key: { span: 'minute' as const, ...key },
      measures,
    }));
    const missing = minutes.map(({ key }) => key).filter((key) => !this.#known.has(keyOf(key)));
    const stored = await loadMetrics(this.client, missing);
    const isRolled = (key: MetricKey): boolean =>
      (this.#known.get(keyOf(key)) ?? stored.get(keyOf(key)))?.rolled ?? false;
    const late = minutes
      .filter(({ key }) => isRolled(key))
      .flatMap(({ key, measures }) => [
        { key: { ...key, span: 'hour' as const, at: startOf('hour', key.at) }, measures },
        { key: { ...key, span: 'day' as const, at: startOf('day', key.at) }, measures },
      ]);
    const above = await loadMetrics(
      this.client,
      late.map(({ key }) => key),
    );
    const rows = new Map<string, Metric>();
    for (const { key, measures } of [...minutes, ...late]) {
      const id = keyOf(key);
      const row = rows.get(id) ?? rowToAdd(key, this.#known.get(id) ?? stored.get(id) ?? above.get(id));
      addMeasures(row.measures, measures, factor);
      rows.set(id, row);
    }
    return [...rows.values()];
  }

  /** Rows in which nothing is left go. */
  async write(rows: readonly Metric[]): Promise<void> {
    const isEmpty = ({ measures }: { measures: Measures }): boolean => isNothing(measures);
    await writeMetrics(
      this.client,
      rows.filter((row) => !isEmpty(row)),
    );
    await removeMetrics(this.client, rows.filter(isEmpty));
  }

  /** Remembers what was written, once it is sure to be. */
  remember(rows: readonly Metric[]): void {
    for (const row of rows) {
      if (row.span !== 'minute') continue;
      this.#known.delete(keyOf(row));
      if (!isNothing(row.measures)) this.#known.set(keyOf(row), row);
    }
    for (const key of this.#known.keys()) {
      if (this.#known.size <= KNOWN_ROWS) return;
      this.#known.delete(key);
    }
  }

  forgetAll(): void {
    this.#known.clear();
  }
}

/** A copy, which may be added to. */
const rowToAdd = ({ span, at, queue, name }: MetricKey, stored: Metric | undefined): Metric => ({
  span,
  at,
  queue,
  name,
  rolled: stored?.rolled ?? span !== 'minute',
  measures: stored ? copyOf(stored.measures) : noMeasures(),
});
