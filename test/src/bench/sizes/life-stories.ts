import { DEFAULT_RETRY_POLICY } from '@millrace/domain';
import type { Command, ExistingTask, TaskError } from '@millrace/domain';

/** A task before it lives: where, what it is asked to do, and what becomes of it. */
export interface Story {
  queue: string;
  submit: Extract<Command, { type: 'submit' }>;
  /** One after the other; a wait for a time is over before the next one. */
  moves: Move[];
}

export interface Move {
  /** Since the fact before, or since the end of the wait. */
  afterMs: number;
  command: (task: ExistingTask, ticket: Ticket) => Command;
}

/** What a worker claims with. */
export interface Ticket {
  ticket: number;
  /** Of a timer that has fired. */
  after?: number;
}

export type RandomNumbers = () => number;

export const QUEUES = ['mail', 'video', 'audio', 'pdf', 'ocr', 'search', 'billing', 'reports'] as const;
export const NAMES = [
  'send',
  'render',
  'transcode',
  'convert',
  'extract',
  'index',
  'charge',
  'summarise',
  'thumbnail',
  'publish',
  'import',
  'clean_up',
] as const;
export const TAGS = ['nightly', 'urgent', 'customer', 'internal', 'retryable', 'eu', 'us', 'trial'] as const;
export const USERS = 2_000;
export const WORKERS = 16;
export const WORDS = [
  'paris',
  'oslo',
  'invoice',
  'contract',
  'holiday',
  'trailer',
  'podcast',
  'receipt',
] as const;
export const FORMATS = ['mp4', 'pdf', 'csv', 'wav'] as const;
export const COPY_MARK = '~';

/** Their messages differ by numbers, so that kinds of failures have to be found. */
const ERRORS = [
  (n: number) => ({ name: 'TimeoutError', message: `No answer from upstream after ${1000 + (n % 900)} ms` }),
  (n: number) => ({
    name: 'TypeError',
    message: `Cannot read properties of undefined (reading 'page${n % 40}')`,
  }),
  (n: number) => ({ name: 'DiskFullError', message: `No space left for ${n} bytes` }),
  (n: number) => ({ name: 'HttpError', message: `GET /v1/files/${n} answered 503` }),
  (n: number) => ({ name: 'HttpError', message: `GET /v1/files/${n} answered 404` }),
  (n: number) => ({ name: 'CodecError', message: `Frame ${n} is damaged` }),
] as const;
export const ERROR_NAMES = [...new Set(ERRORS.map((error) => error(0).name))];

/** Whatever a story does after its submission ends within this time. */
export const LONGEST_STORY_MS = 30 * 60_000;

/** What becomes of tasks, by how many of a hundred; the last one takes the rest. */
const ENDED: readonly [number, (throws: Throws) => Move[]][] = [
  [
    3,
    (throws) => [
      start(throws),
      checkpoint(throws),
      pause(throws),
      resume(throws),
      start(throws),
      succeed(throws),
    ],
  ],
  [1, (throws) => [start(throws), checkpoint(throws), pause(throws)]],
  [3, (throws) => [start(throws), fail(throws, false)]],
  [4, (throws) => [start(throws), fail(throws), start(throws), report(throws), fail(throws)]],
  [6, (throws) => [start(throws), report(throws), fail(throws), start(throws), succeed(throws)]],
  [2, (throws) => [cancel(throws)]],
  [2, (throws) => [start(throws), report(throws), cancel(throws)]],
  [79, (throws) => [start(throws), report(throws), checkpoint(throws), succeed(throws)]],
];

/** Of tasks that are still under way. */
const LIVE: readonly [number, (throws: Throws) => Move[]][] = [
  [30, () => []],
  [10, (throws) => [start(throws)]],
  [20, (throws) => [start(throws), report(throws)]],
  [20, (throws) => [start(throws), fail(throws)]],
  [10, (throws) => [start(throws), checkpoint(throws), pause(throws)]],
  [10, (throws) => [start(throws), report(throws), succeed(throws)]],
];

export const endedStory = (random: RandomNumbers): Story => storyOf(random, ENDED);
export const liveStory = (random: RandomNumbers): Story => storyOf(random, LIVE);

interface Throws {
  random: RandomNumbers;
  upTo: (limit: number) => number;
  pick: <T>(values: readonly T[]) => T;
}

function storyOf(random: RandomNumbers, kinds: typeof ENDED): Story {
  const upTo = (limit: number): number => Math.floor(random() * limit);
  const throws: Throws = { random, upTo, pick: (values) => values[upTo(values.length)] as never };
  let share = random() * 100;
  const [, movesOf] = kinds.find(([percent]) => (share -= percent) < 0) ??
    kinds[kinds.length - 1] ?? [0, () => []];
  return { queue: throws.pick(QUEUES), submit: submission(throws), moves: movesOf(throws) };
}

const submission = ({ random, upTo, pick }: Throws): Story['submit'] => ({
  type: 'submit',
  spec: {
    name: pick(NAMES),
    priority: random() < 0.8 ? 5 : upTo(11),
    // Two attempts, so that stories are short.
    retry: { ...DEFAULT_RETRY_POLICY, max_retries: 1 },
    soft_time_limit: 1800,
    time_limit: 2400,
    submitted_at: '',
    user_id: `user-${upTo(USERS)}`,
    ...(random() < 0.4 && { tags: random() < 0.7 ? [pick(TAGS)] : ['batch', pick(TAGS)] }),
  },
  parameters: {
    customer: upTo(5_000),
    file: `${pick(WORDS)}-${COPY_MARK}-${upTo(100_000)}.${pick(FORMATS)}`,
    options: { format: pick(FORMATS), quality: upTo(10), note: `${pick(WORDS)} ${pick(WORDS)}` },
  },
});

const start = ({ random, upTo, pick }: Throws): Move => {
  // Most tasks wait for less than a second, some for a minute.
  const afterMs = random() < 0.9 ? upTo(900) : upTo(60_000);
  const worker = `${pick(['blue', 'green'])}-${upTo(WORKERS / 2)}-${COPY_MARK}`;
  return { afterMs, command: (_task, ticket) => ({ type: 'claim', worker, ...ticket }) };
};

const report = ({ upTo, pick }: Throws): Move => {
  const progress = { percent: upTo(90), message: `reading ${pick(WORDS)}` };
  return {
    afterMs: upTo(20_000),
    command: (task) => ({ type: 'report-progress', token: tokenOf(task), progress }),
  };
};

const checkpoint = ({ upTo }: Throws): Move => {
  const state = { page: upTo(400), of: 400 };
  return {
    afterMs: upTo(20_000),
    command: (task) => ({ type: 'save-checkpoint', token: tokenOf(task), state }),
  };
};

const succeed = ({ random, upTo, pick }: Throws): Move => {
  const duration_ms = Math.floor(200 + 120_000 * random() ** 4);
  const result = { file: `${pick(WORDS)}-${COPY_MARK}.${pick(FORMATS)}`, bytes: upTo(1e9) };
  return {
    afterMs: duration_ms,
    command: (task) => ({ type: 'succeed', token: tokenOf(task), result, duration_ms }),
  };
};

const fail = ({ upTo, pick }: Throws, retryable = true): Move => {
  const error: TaskError = pick(ERRORS)(upTo(100_000));
  const duration_ms = upTo(90_000);
  return {
    afterMs: duration_ms,
    command: (task) => ({ type: 'fail', token: tokenOf(task), error, retryable, duration_ms }),
  };
};

const cancel = ({ upTo }: Throws): Move => ({ afterMs: upTo(60_000), command: () => ({ type: 'cancel' }) });
const pause = ({ upTo }: Throws): Move => ({
  afterMs: upTo(30_000),
  command: () => ({ type: 'pause', reason: 'requested' }),
});
const resume = ({ upTo }: Throws): Move => ({ afterMs: upTo(600_000), command: () => ({ type: 'resume' }) });

const tokenOf = (task: ExistingTask): number => (task.phase === 'running' ? task.run.token : 0);
