import { NO_TASK, decide, evolve } from '@millrace/domain';
import type { Command, ExistingTask, Fact, TaskState } from '@millrace/domain';
import type { LogMessage } from '@millrace/read-model';
import type { RandomNumbers, Story, Ticket } from './life-stories.js';

export interface StoryLogOptions {
  tasks: number;
  story: (random: RandomNumbers) => Story;
  random: RandomNumbers;
  /** Tasks are submitted from here on. */
  beginMs: number;
  /** Until here. */
  lastMs: number;
  /** What comes later is not told. */
  endMs: number;
  /** The first message is the one after. */
  after: number;
  /** In front of the ids of tasks and events. */
  prefix: string;
}

interface Life {
  id: string;
  story: Story;
  task: TaskState;
  ticket: Ticket;
  moves: number;
}

const SLOT_MS = 100;

/** The log of tasks that live side by side, in the order of time, each as its story tells: judged and folded by the domain. */
export function* storyLog(options: StoryLogOptions): Generator<LogMessage> {
  const { beginMs, endMs, random } = options;
  const slots: Life[][] = Array.from({ length: Math.ceil((endMs - beginMs) / SLOT_MS) }, () => []);
  const slotAt = (ms: number): number => Math.floor((ms - beginMs) / SLOT_MS);
  for (let index = 0; index < options.tasks; index++) {
    const submittedMs = beginMs + random() * (options.lastMs - beginMs);
    const life: Life = {
      id: `${options.prefix}${index.toString(36).padStart(6, '0')}`,
      story: options.story(random),
      task: NO_TASK,
      ticket: { ticket: 0 },
      moves: 0,
    };
    slots[slotAt(submittedMs)]?.push(life);
  }
  let sequence = options.after;
  for (const [slot, lives] of slots.entries()) {
    // It grows while it is walked.
    for (const [place, life] of lives.entries()) {
      const now = beginMs + slot * SLOT_MS + Math.min(place, SLOT_MS - 1);
      const message = next(life, ++sequence, { now, random: random(), prefix: options.prefix });
      yield message;
      const move = life.story.moves[life.moves];
      const { task } = life;
      const isWaiting = task.phase === 'scheduled' && life.ticket.after !== task.sequence;
      if (isWaiting) slots[slotAt(Math.max(now, Date.parse(task.until))) + 1]?.push(life);
      else if (move) slots[slotAt(now + move.afterMs)]?.push(life);
    }
  }
}

function next(
  life: Life,
  sequence: number,
  context: { now: number; random: number; prefix: string },
): LogMessage {
  const { task, story } = life;
  if (task.phase === 'scheduled' && life.ticket.after !== task.sequence)
    return fire(life, task, sequence, context.now);
  const command = task.phase === 'none' ? submitted(story, context.now) : moveOf(life, task);
  const event = decide(command, task, context);
  if (!event) throw new Error(`The ${command.type} of a story says what is true already.`);
  const fact: Fact = {
    ...event,
    queue: story.queue,
    task_id: life.id,
    sequence,
    id: `${context.prefix}e${sequence}`,
    prev: task.phase === 'none' ? 0 : task.sequence,
    at: new Date(context.now).toISOString(),
    actor: command.type === 'claim' ? `worker:${command.worker}` : 'api:bench',
  };
  life.task = evolve(task, fact);
  if (life.task.phase === 'ready') life.ticket = { ticket: life.task.ticket };
  return { type: 'fact', sequence, fingerprint: () => fact.id, fact, data: JSON.stringify(fact.data) };
}

/** The wait is over: its timer has become a ticket. */
function fire(life: Life, { id, sequence: after }: ExistingTask, sequence: number, now: number): LogMessage {
  life.ticket = { ticket: sequence, after };
  const due = { task_id: id, sequence, after, at: new Date(now).toISOString() };
  return { type: 'due', sequence, fingerprint: () => `due ${sequence}`, due };
}

const submitted = ({ submit }: Story, now: number): Command => ({
  ...submit,
  spec: { ...submit.spec, submitted_at: new Date(now).toISOString() },
});

function moveOf(life: Life, task: ExistingTask): Command {
  const move = life.story.moves[life.moves++];
  if (!move) throw new Error('The story has been told.');
  return move.command(task, life.ticket);
}
