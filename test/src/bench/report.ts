import { median } from './load.js';
import type { Figure } from './measurements.js';

/** What each figure should reach, from the plan of the foundation: at least (`≥`) or at most (`≤`). */
const TARGETS: Readonly<Record<string, readonly ['≥' | '≤', number]>> = {
  publisher: ['≥', 60_000],
  'submit bulk': ['≥', 15_000],
  'submit single': ['≥', 2_500],
  drain: ['≥', 10_000],
  'end to end': ['≥', 7_000],
  'CPU of all processes': ['≤', 200],
  'drain, isolated': ['≥', 2_000],
  'bulk cancel': ['≥', 5_000],
  'submit→start p50': ['≤', 3],
  'submit→start p99': ['≤', 15],
  'resume, 200 steps, claim→first line': ['≤', 100],
  'step p50': ['≤', 1],
  'event→client, 1000 streams of all, p95': ['≤', 50],
  'event→client, 1000 streams of a task each, p95': ['≤', 50],
  'reorder to 0, p50': ['≤', 100],
  'reorder to 1000': ['≤', 1_000],
  // The lease and 5 s.
  'kill -9→next first line (lease 3 s)': ['≤', 8],
  'SIGTERM→next first line': ['≤', 2],
  'projector, backlog': ['≥', 15_000],
  'projector, append→row, p99': ['≤', 1_000],
  rebuild: ['≥', 20_000],
};

/** The same for figures that have much in common. */
const TARGETS_ALIKE: readonly (readonly [RegExp, '≥' | '≤', number])[] = [
  [/^memory (gateway|worker|projector|scheduler)/, '≤', 150],
  [/^list, .*, p95$/, '≤', 50],
  [/^metrics over 30 days.*, p95$/, '≤', 200],
  [/^one task at=, p95$/, '≤', 20],
  [/^counts of a queue at=, p95$/, '≤', 500],
];

function targetOf(name: string): readonly ['≥' | '≤', number] | undefined {
  const [, operator, limit] = TARGETS_ALIKE.find(([pattern]) => pattern.test(name)) ?? [];
  return operator && limit ? [operator, limit] : TARGETS[name];
}

/** The figures of one state of the log, one list per run. */
export interface Report {
  title: string;
  runs: Figure[][];
}

/** The medians over the runs, in the order of the first one. */
export const medians = ({ runs }: Report): Figure[] =>
  (runs[0] ?? []).map(({ name, unit }) => ({
    name,
    unit,
    value: median(
      runs.flatMap((run) => run.filter((figure) => figure.name === name).map(({ value }) => value)),
    ),
  }));

/** A Markdown table: medians, the span of the runs, and the target beside it. */
export function tableOf(report: Report): string {
  const rows = medians(report).map(({ name, unit, value }) => {
    const values = report.runs.flatMap((run) =>
      run.filter((figure) => figure.name === name).map((figure) => figure.value),
    );
    const span = values.length > 1 ? `${round(Math.min(...values))} – ${round(Math.max(...values))}` : '';
    const target = targetOf(name);
    const verdict = target && (target[0] === '≥' ? value >= target[1] : value <= target[1]) ? 'yes' : 'no';
    return `| ${name} | ${round(value)} ${unit} | ${span} | ${target ? `${target[0]} ${target[1]} ${unit}` : ''} | ${target ? verdict : ''} |`;
  });
  return [
    `### ${report.title}`,
    '',
    '| what | median | runs | target | met |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

const round = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value >= 10 ? 0 : 1);
