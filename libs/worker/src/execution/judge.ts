import type { Fact, Run } from '@millrace/domain';

/** What a worker does with a ticket whose claim was refused. */
export type Verdict =
  /** The ticket is void for good: acknowledge it. */
  | { action: 'drop' }
  /** As `drop`, but the wait that followed may lack its timer, for its writer may have died before it armed it. */
  | { action: 'arm-and-drop'; wait: Fact & { kind: 'scheduled' } }
  /** The attempt is mine: keep the newer handle of the ticket, go on. */
  | { action: 'go-on' }
  /** The last attempt gave the task back unharmed: claim on that. */
  | { action: 'claim' }
  /** Another worker's attempt holds the ticket: ask it whether it lives. */
  | { action: 'ask'; run: Run };

/**
 * The table of the design, as one function: what the last fact of the task says of a ticket whose claim was refused.
 *
 * @param ticket stream sequence of the ticket
 * @param isMine whether this process runs the attempt with the token
 */
export function judge(ticket: number, last: Fact, isMine: (token: number) => boolean): Verdict {
  switch (last.kind) {
    case 'front':
    case 'p10':
    case 'p9':
    case 'p8':
    case 'p7':
    case 'p6':
    case 'p5':
    case 'p4':
    case 'p3':
    case 'p2':
    case 'p1':
    case 'p0':
      // Ready by this very ticket only if the claim was refused for what has left the log since.
      return last.sequence === ticket ? { action: 'claim' } : { action: 'drop' };
    case 'scheduled':
      return { action: 'arm-and-drop', wait: last };
    case 'held':
    case 'paused':
    case 'succeeded':
    case 'failed':
    case 'cancelled':
    case 'cleaned':
      return { action: 'drop' };
    case 'started':
      return judgeRun(ticket, { ...last.data, token: last.sequence }, isMine);
    case 'progress':
    case 'checkpoint':
    case 'step':
      return judgeRun(ticket, last.data.run, isMine);
    case 'yielded':
      return last.data.run.ticket === ticket ? { action: 'claim' } : { action: 'drop' };
  }
}

function judgeRun(ticket: number, run: Run, isMine: (token: number) => boolean): Verdict {
  if (run.ticket !== ticket) return { action: 'drop' };
  return isMine(run.token) ? { action: 'go-on' } : { action: 'ask', run };
}
