import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { BoundedChildren } from './bounded-labels.js';
import { DurationCounts } from './histogram.js';
import { METRICS } from './names.js';
import type { MetricInfo } from './names.js';
import { Telemetry } from './telemetry.js';

describe('what a process tells of itself', () => {
  it('is read when somebody asks, in the format of Prometheus', async () => {
    const telemetry = new Telemetry('gateway');
    let depth = 3;
    telemetry.add('millrace_queue_depth', () => [{ value: depth, labels: { queue: 'films' } }]);
    expect(await telemetry.text()).toContain('millrace_queue_depth{queue="films",app="gateway"} 3');
    depth = 4;
    const text = await telemetry.text();
    expect(text).toContain('# TYPE millrace_queue_depth gauge');
    expect(text).toContain('millrace_queue_depth{queue="films",app="gateway"} 4');
    expect(text).toContain('process_resident_memory_bytes{app="gateway"}');
  });

  it('leaves out what cannot be read', async () => {
    const telemetry = new Telemetry('gateway');
    telemetry.add('millrace_workers', () => Promise.reject(new Error('away')));
    expect(await telemetry.text()).not.toContain('millrace_workers{');
  });

  it('has histograms whose buckets add up', async () => {
    const telemetry = new Telemetry('worker');
    const counts = new DurationCounts();
    for (const seconds of [0.0004, 0.02, 0.02, 10_000]) counts.observe(seconds);
    const labels = { queue: 'films', task_name: 'render', outcome: 'succeeded' };
    telemetry.addDurations('millrace_task_duration_seconds', () => [{ counts, labels }]);
    const text = await telemetry.text();
    const of = (le: string): string | undefined =>
      new RegExp(`_bucket\\{.*le="${le}".*\\} (\\d+)`).exec(text)?.[1];
    expect([of('0\\.0005'), of('0\\.01'), of('0\\.025'), of('3600'), of('\\+Inf')]).toEqual([
      '1',
      '1',
      '3',
      '3',
      '4',
    ]);
    expect(text).toMatch(/millrace_task_duration_seconds_count\{.*\} 4/);
    expect(text).toMatch(/millrace_task_duration_seconds_sum\{.*\} 10000\.04/);
  });
});

describe('a label whose values nobody bounds', () => {
  it('has so many values and one for all others', () => {
    const children = new BoundedChildren(2, (value) => ({ value }));
    expect(['a', 'b', 'c', 'd', 'a'].map((name) => children.of(name).value)).toEqual([
      'a',
      'b',
      'other',
      'other',
      'a',
    ]);
    expect([...children].map(([value]) => value)).toEqual(['a', 'b', 'other']);
  });
});

describe('docs/reference/prometheus.md', () => {
  const page = readFileSync(new URL('../../../../docs/reference/prometheus.md', import.meta.url), 'utf8');

  it('has a row for each metric', () => {
    const rows = page.split('\n').map((line) => line.replaceAll(/ +/g, ' '));
    for (const [name, { type, help, labels, apps }] of Object.entries<MetricInfo>(METRICS)) {
      const cells = [
        `\`${name}\``,
        type,
        labels.map((label) => `\`${label}\``).join(', '),
        apps?.[0] ?? 'all',
      ];
      expect(rows).toContain(`| ${[...cells, help].join(' | ')} |`.replaceAll(/ +/g, ' '));
    }
  });
});

describe('what deploy/ shows', () => {
  it.each(['grafana/millrace.json', 'prometheus/millrace-alerts.yml'])(
    'asks in %s for what there is',
    (file) => {
      const text = readFileSync(new URL(`../../../../deploy/${file}`, import.meta.url), 'utf8');
      const asked = [...text.matchAll(/millrace_[a-z_]+/g)].map(([name]) => name.replace(/_bucket$/, ''));
      expect(asked.length).toBeGreaterThan(2);
      for (const name of asked) expect(Object.keys(METRICS)).toContain(name);
    },
  );
});
