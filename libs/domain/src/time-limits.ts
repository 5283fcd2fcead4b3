/** Seconds that an attempt may take, unless its submitter or its handler says otherwise. */
export const DEFAULT_TIME_LIMITS = {
  /** Then the handler is asked to stop. */
  soft: 1800,
  /** Then the attempt is ended. */
  hard: 2400,
} as const;
