import type { Run } from '@millrace/domain';
import type { NatsConnection } from '@nats-io/transport-node';
import { listen } from './connection.js';
import { subjects } from './topology.js';

/** How one worker asks another for an attempt. */
export type RunRef = Pick<Run, 'token' | 'ticket'>;

/** Answers other workers that ask whether this one runs an attempt. */
export function answerRuns(
  connection: NatsConnection,
  worker: string,
  runs: (attempt: RunRef) => boolean,
): void {
  listen(connection, subjects.runsOf(worker), (message) => {
    const question = runRefIn(message.string());
    if (question) message.respond(runs(question) ? 'yes' : 'no');
  });
}

/** Whether a worker runs the attempt: undefined when it does not answer. */
export async function askRuns(
  connection: NatsConnection,
  worker: string,
  { token, ticket }: RunRef,
  timeoutMs: number,
): Promise<boolean | undefined> {
  const question = JSON.stringify({ token, ticket });
  try {
    const answer = await connection.request(subjects.runsOf(worker), question, { timeout: timeoutMs });
    return answer.string() === 'yes';
  } catch {
    return undefined;
  }
}

/** Undefined for what is no question of ours. */
function runRefIn(text: string): RunRef | undefined {
  try {
    const { token, ticket } = JSON.parse(text) as Partial<RunRef>;
    return typeof token === 'number' && typeof ticket === 'number' ? { token, ticket } : undefined;
  } catch {
    return undefined;
  }
}
