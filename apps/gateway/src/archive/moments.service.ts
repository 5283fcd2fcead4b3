import { Injectable } from '@nestjs/common';
import { ProblemError } from '../http/problem.js';
import { CatchUp } from './catch-up.service.js';

/** Until then the read model is asked to be complete: later facts of that moment may still be on their way. */
const SETTLED_AFTER_MS = 60_000;

/** Moments of the past that can be asked for. */
@Injectable()
export class Moments {
  constructor(private readonly catchUp: CatchUp) {}

  /**
   * Resolves once the read model knows all that was decided until the moment.
   *
   * @throws ProblemError `request/invalid` of a moment that is still to come, `archive/behind`
   */
  async settled(at: string): Promise<void> {
    const age = Date.now() - Date.parse(at);
    if (age < 0) throw invalidAt('at', 'lies in the future.');
    if (age < SETTLED_AFTER_MS) await this.catchUp.untilNow();
  }
}

/** A parameter that does not go with a moment of the past. */
export const invalidAt = (path: string, message: string): ProblemError =>
  new ProblemError('request/invalid', `The request has a fault: ${path} ${message}`, {
    errors: [{ path, message }],
  });
