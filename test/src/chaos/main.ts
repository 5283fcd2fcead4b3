import { parseArgs } from 'node:util';
import { Round, runRound } from './scenario.js';
import { scenarios } from './scenarios.js';

/**
 * `npm run chaos -- --seed 7 --minutes 10 --only broker-killed`: the long form of the chaos tests. Each scenario runs again and again,
 * each time with another seed that follows from the first, until its minutes are over; at least once.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true },
    form: { type: 'string', default: 'long' },
  },
});

const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
const minutes = Number(values.minutes);
const chosen = scenarios.filter(({ name }) => !values.only || values.only.includes(name));
if (chosen.length === 0 || !Number.isFinite(seed) || !Number.isFinite(minutes)) {
  console.error(
    `Usage: npm run chaos -- [--seed <number>] [--minutes <per scenario>] [--form short|long] [--only <name>]...\nScenarios: ${scenarios.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}

console.log(`seed ${seed}, ${minutes} minutes for each of ${chosen.length} scenarios`);
const rows: Record<string, Record<string, number | string>> = {};
let faults = 0;
for (const scenario of chosen) {
  const until = performance.now() + minutes * 60_000;
  let next = seed;
  do {
    const round = new Round(values.form === 'short' ? 'short' : 'long', next, say);
    console.log(`\n${scenario.name} (seed ${next}): ${scenario.claim}`);
    const report = await runRound(scenario, round);
    for (const fault of report.faults) console.error(`  FAULT ${fault}`);
    say(`${report.faults.length} faults, ${report.seconds.toFixed(0)} s ${JSON.stringify(report.figures)}`);
    faults += report.faults.length;
    add(scenario.name, report.figures, report.seconds, report.faults.length);
    next = round.dice.between(1, 1_000_000);
  } while (performance.now() < until);
}

console.log();
for (const [name, figures] of Object.entries(rows))
  console.log(
    `${name.padEnd(30)} ${Object.entries(figures)
      .map(([figure, value]) => `${figure} ${value}`)
      .join(' · ')}`,
  );
console.log(
  faults === 0 ? `\nAll held (seed ${seed}).` : `\n${faults} faults; repeat them with --seed ${seed}.`,
);
process.exit(faults === 0 ? 0 : 1);

function say(line: string): void {
  console.log(`  ${new Date().toISOString().slice(11, 19)} ${line}`);
}

function add(name: string, figures: Readonly<Record<string, number>>, seconds: number, count: number): void {
  const row = (rows[name] ??= { rounds: 0, seconds: 0, faults: 0 });
  const sum = (figure: string, by: number): void => {
    row[figure] = Number(row[figure] ?? 0) + by;
  };
  sum('rounds', 1);
  sum('seconds', Math.round(seconds));
  sum('faults', count);
  for (const [figure, value] of Object.entries(figures)) sum(figure, value);
}
