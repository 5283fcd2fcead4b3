import type { Fact } from '@millrace/domain';
import type { Deaths } from '../system/deaths.js';
import type { JournalLine } from '../system/journal.js';
import type { Case } from './case.js';
import { chainFaults, attemptFaults, endFaults, retriesIn } from './history-rules.js';
import { effectFaults } from './effect-rules.js';
import type { Order } from './orders.js';

export interface AuditResult {
  tasks: number;
  attempts: number;
  /** Attempts that were lost with their worker. */
  takeovers: number;
  retries: number;
  cancelled: number;
  faults: string[];
}

/** Compares, task by task, what was asked for with what the log says and with what the handlers did. */
export function audit(
  orders: readonly Order[],
  histories: ReadonlyMap<string, Fact[]>,
  lines: readonly JournalLine[],
  deaths: Deaths,
): AuditResult {
  const cases = new Map<string, Case>();
  const caseOf = (taskId: string): Case => {
    const known = cases.get(taskId) ?? { taskId, order: undefined, facts: [], lines: [] };
    cases.set(taskId, known);
    return known;
  };
  for (const order of orders) caseOf(order.taskId).order = order;
  for (const [taskId, facts] of histories) caseOf(taskId).facts = facts;
  for (const line of lines) caseOf(line.taskId).lines.push(line);
  const result: AuditResult = { tasks: 0, attempts: 0, takeovers: 0, retries: 0, cancelled: 0, faults: [] };
  for (const one of cases.values()) {
    const faults = [
      ...endFaults(one),
      ...chainFaults(one),
      ...attemptFaults(one, deaths),
      ...effectFaults(one, deaths),
    ];
    result.faults.push(...faults.map((fault) => `${one.taskId}: ${fault} ${outlineOf(one)}`));
    count(one, result);
  }
  return result;
}

function count({ facts }: Case, result: AuditResult): void {
  if (facts.length === 0) return;
  result.tasks++;
  result.retries += retriesIn(facts);
  for (const fact of facts) {
    if (fact.kind === 'started') result.attempts++;
    if (fact.kind === 'started' && fact.data.lost > 0) result.takeovers++;
    if (fact.kind === 'cancelled') result.cancelled++;
  }
}

/** The whole story of a task on one line, for the message of a fault. */
function outlineOf({ order, facts, lines }: Case): string {
  const told = order
    ? `submitted: ${order.submitted}, cancelled: ${order.cancelled ?? 'not asked'}, ${JSON.stringify(order.params).slice(0, 200)}`
    : 'not ours';
  const log = facts.map(
    (fact) => `${fact.sequence} ${fact.kind} ${fact.at.slice(14, 23)} by ${fact.actor.slice(-20)}`,
  );
  const effects = lines.map(
    (line) =>
      `${line.attempt}/${line.token} ${line.word} ${new Date(line.at).toISOString().slice(14, 23)} pid ${line.pid}`,
  );
  return `[${told}; log: ${log.join(', ')}; journal: ${effects.join(', ')}]`;
}
