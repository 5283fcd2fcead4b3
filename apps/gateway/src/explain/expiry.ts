import type { ExistingTask } from '@millrace/domain';
import type { Reasons } from './explanation.schema.js';
import type { Situation } from './situation.js';

/** Undefined while the task may still start in time. */
export function expiredReasons({ state, now }: Situation): Reasons | undefined {
  const expiry = expiryOf(state);
  if (expiry === undefined || Date.parse(expiry) > now) return undefined;
  return {
    because: [
      `It was to start before ${expiry} (expires_at), and has not: it will not start any more, and ends as REVOKED within a minute.`,
    ],
    waiting_for: { type: 'nothing' },
  };
}

export function expirySentences({ state }: Situation): string[] {
  const expiry = expiryOf(state);
  return expiry === undefined ? [] : [`If it has not started by ${expiry} (expires_at), it ends as REVOKED.`];
}

/** Only what waits and has never started expires. */
function expiryOf({ phase, spec, attempts }: ExistingTask): string | undefined {
  const waits = phase === 'ready' || phase === 'scheduled' || phase === 'held';
  return waits && attempts.begun === 0 ? spec.expires_at : undefined;
}
