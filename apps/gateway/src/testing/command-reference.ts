import { COMMANDS, COMMAND_TABLE, QUESTIONS, STATES } from './command-table.js';
import type { Answer, CommandName, StateName } from './command-table.js';

const INTRODUCTION = `
What a task in each state answers to each command, as the log decides it. A command that is refused writes nothing. One that loses a race against another is decided
again on the new state, at most a few times, and then answered with \`409\` \`task/contended\`.

This page is made from \`apps/gateway/src/testing/command-table.ts\`; a spec asks all of these questions, another compares the page. To write it anew:
\`UPDATE_DOCS=1 npm run jest -- apps/gateway/dist/tasks/command-table\`.`.trim();

const MEANINGS = `
- \`submit\` is a submission with the \`task_id\` of the task: the second one is answered with the first task.
- \`pause\` of a run waits for it to end in its grace; from a worker that does not answer the task is taken.
- \`signal\`: one that nobody waits for yet is kept.
- \`branch\` makes a new task; the old one is not touched. It is refused with \`409\` \`task/archived\` when the facts to start from have left the log.
- \`priority\` asks for 9, \`reorder\` for the position \`front\`; the scheduler carries it out. See [the order of tasks](../guides/order.md).`.trim();

/** The reference of all commands, `docs/reference/commands.md`. */
export const commandReference = (): string =>
  `${['# Commands', INTRODUCTION, '## Who may what', overview(), MEANINGS, '## What is said', sentences()].join('\n\n')}\n`;

function overview(): string {
  const commands = Object.keys(COMMANDS) as CommandName[];
  return tableOf(
    ['state', ...commands.map((command) => `\`${command}\``)],
    (Object.keys(STATES) as StateName[]).map((state) => [
      state,
      ...commands.map((command) => shortOf(COMMAND_TABLE[state][command])),
    ]),
  );
}

const shortOf = ({ status, code }: Answer): string =>
  code === undefined ? `**${status}**` : `${status} \`${code.replace('task/', '')}\``;

/** Each sentence once, with the states in which it is said. */
function sentences(): string {
  const states = new Map<string, { command: CommandName; answer: Answer; states: StateName[] }>();
  for (const { state, command, answer } of QUESTIONS) {
    if (answer.says === undefined) continue;
    const key = `${command} ${answer.says}`;
    const row = states.get(key) ?? { command, answer, states: [] };
    states.set(key, { ...row, states: [...row.states, state] });
  }
  const order = Object.keys(COMMANDS);
  const rows = [...states.values()].sort((a, b) => order.indexOf(a.command) - order.indexOf(b.command));
  return tableOf(
    ['command', 'state', 'status', 'message or detail'],
    rows.map(({ command, answer, states }) => [
      `\`${COMMANDS[command]}\``,
      states.join('; '),
      String(answer.status),
      answer.says ?? '',
    ]),
  );
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) =>
    Math.max(3, cell.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lineOf = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [head, widths.map((width) => '-'.repeat(width)), ...rows].map(lineOf).join('\n');
}
