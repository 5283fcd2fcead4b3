import type { TaskError } from './facts.js';

/** Characters of a message that count. */
const MESSAGE_CHARACTERS = 1024;

/** What differs from case to case, and what stands for it; in this order. */
const VARIABLE: readonly (readonly [RegExp, string])[] = [
  [/"[^"\n]*"|'[^'\n]*'|`[^`\n]*`/g, '<text>'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<id>'],
  [/\b0x[0-9a-f]+\b/gi, '<hex>'],
  // With a digit among them: words may be made of these letters too.
  [/\b(?=[a-f]*\d)[0-9a-f]{8,}\b/gi, '<hex>'],
  [/\b(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{20,}\b/g, '<id>'],
  [/[+-]?\d+(?:[.,:]\d+)*/g, '<n>'],
  [/\s+/g, ' '],
];

/** The message with its numbers, ids and quoted texts taken out, so that the same failure reads the same each time. */
export const normalisedMessage = (message: string): string =>
  VARIABLE.reduce(
    (text, [pattern, instead]) => text.replaceAll(pattern, instead),
    message.slice(0, MESSAGE_CHARACTERS),
  ).trim();

/**
 * Tells failures of one kind from others: the same handler, the same class of error, the same message but for its numbers, ids and quoted
 * texts. 16 hexadecimal digits.
 */
export function failureFingerprint(taskName: string, { name, message }: TaskError): string {
  const text = `${taskName}\n${name}\n${normalisedMessage(message)}`;
  return [hash(text, 0x811c9dc5), hash(text, 0x9747b28c)]
    .map((half) => half.toString(16).padStart(8, '0'))
    .join('');
}

/** FNV-1a with another beginning for each half, and mixed at the end, since similar texts give similar sums. */
function hash(text: string, begin: number): number {
  let sum = begin;
  for (let index = 0; index < text.length; index++) sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193);
  sum = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b);
  sum = Math.imul(sum ^ (sum >>> 13), 0xc2b2ae35);
  return (sum ^ (sum >>> 16)) >>> 0;
}
