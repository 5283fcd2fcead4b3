import type { ProblemCode } from '../http/problem.js';

/** What can be asked of a task over REST. */
export const COMMANDS = {
  submit: 'POST /tasks',
  cancel: 'DELETE /tasks/{id}',
  retry: 'POST /tasks/{id}/retry',
  resume: 'POST /tasks/{id}/resume',
  pause: 'POST /tasks/{id}/pause',
  signal: 'POST /tasks/{id}/signals',
  branch: 'POST /tasks/{id}/branch',
  priority: 'POST /tasks/{id}/priority',
  reorder: 'POST /tasks/{id}/reorder',
  reschedule: 'POST /tasks/{id}/reschedule',
  'run-now': 'POST /tasks/{id}/run-now',
} as const;
export type CommandName = keyof typeof COMMANDS;

/** What a task may be when it is asked. */
export const STATES = {
  'no task': 'Nobody has submitted this id.',
  PENDING: 'It is ready and waits in a lane.',
  'PENDING, delayed': 'It waits for its time.',
  'PENDING, held': 'It waits for a signal.',
  'PENDING, limited': 'It waits for a slot of the limits of its queue.',
  STARTED: 'An attempt runs and has not reported yet.',
  PROCESSING: 'An attempt runs and has reported.',
  RETRY: 'An attempt failed; the next one waits for its time.',
  PAUSED: 'It is put aside.',
  SUCCESS: 'It ended with its result.',
  FAILURE: 'It ended without: a dead letter.',
  REVOKED: 'It was cancelled.',
  'FAILURE, cleaned': 'It failed, and was cleaned up since.',
} as const;
export type StateName = keyof typeof STATES;

/** An answer: of a refusal its code and its sentence, else what it says. */
export interface Answer {
  status: number;
  code?: ProblemCode;
  says?: string;
}

const refused = (code: ProblemCode, says: string, status = 400): Answer => ({ status, code, says });
const done = (status: number, says?: string): Answer => ({ status, ...(says !== undefined && { says }) });

const NOT_FOUND = refused('task/not-found', 'There is no task with the id {id}.', 404);

const CANCELLED_WAITING = done(200, 'Task was pending and has been removed from the queue');
const CANCELLED_RUNNING = done(200, 'Task was running and has been terminated');
const PAUSED = done(200, 'Task paused successfully');
const PAUSED_BY_FORCE = done(200, 'Task paused by force: its run did not end in its grace');
const ACCEPTED = done(202);
/** The task that was submitted first. */
const DUPLICATE = done(200);

const notRetryable = (status: string, instead: string): Answer =>
  refused('task/not-retryable', `The task is ${status}; only FAILURE can be retried. ${instead}`);
const notResumable = (status: string, instead: string): Answer =>
  refused('task/not-resumable', `The task is ${status}; only PAUSED or FAILURE can be resumed. ${instead}`);
const nothingToPause = (status: string, instead: string): Answer =>
  refused('task/already-ended', `The task is ${status}; there is nothing to pause. ${instead}`);
const noRunLeft = (status: string, instead: string): Answer =>
  refused('task/already-ended', `The task is ${status}; no run of it is left to take a signal. ${instead}`);

const unmoved = (status: string, instead: string): Answer =>
  refused(
    'task/not-waiting',
    `The task is ${status}; only a task that waits for its turn or its time can be moved. ${instead}`,
  );
/** The commands that move what waits, refused. */
const unmovable = (status: string, instead: string) => ({
  priority: unmoved(status, instead),
  reorder: unmoved(status, instead),
  reschedule: unmoved(status, instead),
  'run-now': unmoved(status, instead),
});
const PRIORITISED = done(200, 'Task has priority 9');
const NEXT = done(200, 'Task is at position 0');
const RESCHEDULED = done(200, 'Task waits until {time}');
const IN_LINE = done(200, 'Task was waiting for its turn already');
const RUNS_NOW = done(200, 'Task is queued to run now');

const ITS_TURN = 'It runs by itself when its turn comes.';
const AT_ITS_TIME = 'It runs by itself at {time}.';
const ITS_WAIT = 'It runs by itself once it has what it waits for (signal:go).';
const ITS_LIMIT = 'It runs by itself when the limits of its queue let it.';
const RUNS = 'It runs now: pause or cancel it first.';
const RESUME = 'Resume it.';
const REDRIVE = 'Retry or resume it to run it again.';
const BRANCH = 'Branch it to run it again.';
const SUBMIT = 'It was cleaned up: submit it as a new task to run it again.';
const CLEANED = refused(
  'task/already-cleaned',
  'The task ended as FAILURE at {time} and was cleaned up at {time}: its parameters, result and error are gone. Submit it as a new task to run it again.',
);

const waiting = (instead: string): Record<CommandName, Answer> => ({
  submit: DUPLICATE,
  cancel: CANCELLED_WAITING,
  retry: notRetryable('PENDING', instead),
  resume: notResumable('PENDING', instead),
  pause: PAUSED,
  signal: ACCEPTED,
  branch: ACCEPTED,
  priority: PRIORITISED,
  reorder: NEXT,
  reschedule: RESCHEDULED,
  'run-now': IN_LINE,
});

const running = (status: string): Record<CommandName, Answer> => ({
  submit: DUPLICATE,
  cancel: CANCELLED_RUNNING,
  retry: notRetryable(status, RUNS),
  resume: notResumable(status, RUNS),
  pause: PAUSED_BY_FORCE,
  signal: ACCEPTED,
  branch: ACCEPTED,
  ...unmovable(status, RUNS),
});

/** What is answered to whom. A spec asks every one of these questions, and the reference is made from them. */
export const COMMAND_TABLE: Record<StateName, Record<CommandName, Answer>> = {
  'no task': {
    submit: ACCEPTED,
    cancel: NOT_FOUND,
    retry: NOT_FOUND,
    resume: NOT_FOUND,
    pause: NOT_FOUND,
    signal: NOT_FOUND,
    branch: NOT_FOUND,
    priority: NOT_FOUND,
    reorder: NOT_FOUND,
    reschedule: NOT_FOUND,
    'run-now': NOT_FOUND,
  },
  PENDING: waiting(ITS_TURN),
  'PENDING, delayed': { ...waiting(AT_ITS_TIME), 'run-now': RUNS_NOW },
  'PENDING, held': {
    ...waiting(ITS_WAIT),
    ...unmovable('PENDING and waits for signal:go', ITS_WAIT),
    priority: PRIORITISED,
  },
  'PENDING, limited': waiting(ITS_LIMIT),
  STARTED: running('STARTED'),
  PROCESSING: running('PROCESSING'),
  RETRY: {
    ...waiting(AT_ITS_TIME),
    cancel: done(200, 'Task was waiting for a retry and has been cancelled'),
    retry: notRetryable('RETRY', AT_ITS_TIME),
    resume: notResumable('RETRY', AT_ITS_TIME),
    'run-now': RUNS_NOW,
  },
  PAUSED: {
    submit: DUPLICATE,
    cancel: done(200, 'Task was paused and has been cancelled'),
    retry: notRetryable('PAUSED', RESUME),
    resume: done(200, 'Task resumed successfully'),
    pause: done(200, 'Task was already paused'),
    signal: ACCEPTED,
    branch: ACCEPTED,
    ...unmovable('PAUSED', RESUME),
  },
  SUCCESS: {
    submit: DUPLICATE,
    cancel: refused(
      'task/already-succeeded',
      'Task has already completed successfully and cannot be cancelled',
    ),
    retry: notRetryable('SUCCESS', BRANCH),
    resume: notResumable('SUCCESS', BRANCH),
    pause: nothingToPause('SUCCESS', BRANCH),
    signal: noRunLeft('SUCCESS', BRANCH),
    branch: ACCEPTED,
    ...unmovable('SUCCESS', BRANCH),
  },
  FAILURE: {
    submit: DUPLICATE,
    cancel: refused(
      'task/already-failed',
      'Task has already failed and cannot be cancelled; it can be retried or resumed',
    ),
    retry: done(202, 'Task is queued for another run'),
    resume: done(200, 'Task resumed successfully'),
    pause: nothingToPause('FAILURE', REDRIVE),
    signal: noRunLeft('FAILURE', REDRIVE),
    branch: ACCEPTED,
    ...unmovable('FAILURE', REDRIVE),
  },
  REVOKED: {
    submit: DUPLICATE,
    cancel: done(200, 'Task was already cancelled'),
    retry: notRetryable('REVOKED', BRANCH),
    resume: notResumable('REVOKED', BRANCH),
    pause: nothingToPause('REVOKED', BRANCH),
    signal: noRunLeft('REVOKED', BRANCH),
    branch: ACCEPTED,
    ...unmovable('REVOKED', BRANCH),
  },
  'FAILURE, cleaned': {
    submit: DUPLICATE,
    cancel: CLEANED,
    retry: CLEANED,
    resume: CLEANED,
    pause: nothingToPause('FAILURE', SUBMIT),
    signal: noRunLeft('FAILURE', SUBMIT),
    branch: CLEANED,
    ...unmovable('FAILURE', SUBMIT),
  },
};

/** Every question, in the order of the table. */
export const QUESTIONS = (Object.keys(STATES) as StateName[]).flatMap((state) =>
  (Object.keys(COMMANDS) as CommandName[]).map((command) => ({
    state,
    command,
    answer: COMMAND_TABLE[state][command],
  })),
);
