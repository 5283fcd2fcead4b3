import type { TaskError } from '@millrace/domain';

const NAMED_AT_MOST = 5;
const MESSAGE_AT_MOST = 200;

/** "1 task", "2 tasks". */
export const count = (n: number, noun: string, nouns = `${noun}s`): string =>
  `${n} ${n === 1 ? noun : nouns}`;

/** "a, b and c"; of many, the first few and how many more there are. */
export function named(names: readonly string[], total = names.length): string {
  const shown = names.slice(0, NAMED_AT_MOST);
  const more = total - shown.length;
  const parts = more > 0 ? [...shown, `${more} more`] : shown;
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

/** "gpu=true, zone=eu". */
export const labelled = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');

/** The class and the message of an error, on one line. */
export function told({ name, message }: TaskError): string {
  const line = message.replaceAll(/\s+/g, ' ').trim().replace(/\.$/, '');
  const short = line.length > MESSAGE_AT_MOST ? `${line.slice(0, MESSAGE_AT_MOST)}…` : line;
  return short === '' ? name : `${name}: ${short}`;
}

/** How long ago, in the unit that fits. */
export function ago(at: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(at)) / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

/** A sentence of its own, whatever the text ends with. */
export const because = (reason: string | undefined): string =>
  reason ? `: ${reason.replace(/\.$/, '')}` : '';
