/** The condition of a write did not hold: somebody else moved the task. Decide again on the new state. */
export class ConcurrencyError extends Error {
  override readonly name = 'ConcurrencyError';

  /** @param actual sequence of the last fact on the check subject, as the server named it */
  constructor(
    readonly expected: number,
    readonly actual: number,
  ) {
    super(`The task's last fact has the sequence ${actual}, not ${expected}.`);
  }
}

/** The log gave no answer in time. The write may have been stored: send the same one again, or read. */
export class LogUnavailableError extends Error {
  override readonly name = 'LogUnavailableError';
}

/** The log refused the write for a reason that no repetition will change. */
export class LogRefusedError extends Error {
  override readonly name = 'LogRefusedError';

  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/**
 * The log ends before a sequence that was read from it: it was restored from a backup, made anew, or lost its last moments in a power
 * cut. Sequences are used twice from here on.
 */
export class LogWentBackError extends Error {
  override readonly name = 'LogWentBackError';

  constructor(
    /** The sequence that was to come next. */
    readonly next: number,
    /** The last one that the log has. */
    readonly last: number,
  ) {
    super(`The log ends with ${last}, but ${next - 1} was read from it before.`);
  }
}

/** A body in the log is not what its subject promises. */
export class BadBodyError extends Error {
  override readonly name = 'BadBodyError';
}

/** JetStream's error codes that mean something to us; see server/errors.json of nats-server. */
export const ServerCode = {
  /** Ours, in the manner of HTTP: the server tells this without a code. */
  forbidden: 403,
  badRequest: 10003,
  consumerNotFound: 10014,
  messageNotFound: 10037,
  /** Longer than the server takes. */
  messageTooLarge: 10054,
  streamNotFound: 10059,
  wrongLastSequence: 10071,
  /** Another write is being replicated on this subject. */
  writeInFlight: 10164,
  /** The new leader has not caught up. */
  leaderNotReady: 10163,
  /** The store is full or a resource is short (HTTP-like code 503). */
  insufficientResources: 10023,
  /** A stream may not grow as large as it wants to: the broker has not so much memory, */
  memoryExceeded: 10028,
  /** or not so much room on its disk. */
  storageExceeded: 10047,
} as const;
