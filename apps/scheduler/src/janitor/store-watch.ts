import type { TaskLog } from '@millrace/log';
import type { Alerts } from '../patrol/alerts.js';

/** At 80 % the gateway refuses submissions: there must be time to act before. */
const FILLING_AT = 0.6;

/** Alerts while the store of the log is fuller than {@link FILLING_AT}. */
export async function watchStore(log: TaskLog, alerts: Alerts, limitBytes: number): Promise<void> {
  const usage = await log.admin.storeUsage(limitBytes);
  if (usage < FILLING_AT) {
    alerts.clear('store_filling');
    return;
  }
  await alerts.raise(
    'store_filling',
    { usage },
    `The store of the log is ${Math.round(usage * 100)} % full; at 80 % submissions are refused`,
  );
}
