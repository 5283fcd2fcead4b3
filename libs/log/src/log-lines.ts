import { z } from 'zod';

/** A line that a handler logged. */
export const logLineSchema = z.object({
  at: z.string(),
  /** `trace`, `debug`, `info`, `warn`, `error` or `fatal`. */
  level: z.string(),
  message: z.string(),
  attempt: z.int(),
  worker: z.string(),
  /** What was logged beside the message. */
  fields: z.record(z.string(), z.unknown()),
});
export type LogLine = z.infer<typeof logLineSchema>;

/** A line has so many bytes at most; what is beyond is cut. */
export const LINE_BYTES = 8 * 1024;
/** Of a line that must be cut; what they leave belongs to the fields. */
const MESSAGE_BYTES = 4 * 1024;

/** A line as it is stored. One that is too long keeps its beginning: the message cut, the fields as cut text in `fields.cut`. */
export function encodeLine(line: LogLine): string {
  const text = JSON.stringify(line);
  if (Buffer.byteLength(text) <= LINE_BYTES) return text;
  const bare = { ...line, message: cut(line.message, MESSAGE_BYTES), fields: { cut: '' } };
  const left = LINE_BYTES - Buffer.byteLength(JSON.stringify(bare));
  return JSON.stringify({ ...bare, fields: { cut: cut(JSON.stringify(line.fields), left) } });
}

/** Undefined for what is no line. */
export function decodeLine(text: string): LogLine | undefined {
  try {
    return logLineSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The beginning of a text that has no more than so many bytes as JSON, less its quotes. */
function cut(text: string, bytes: number): string {
  const sizeOf = (part: string): number => Buffer.byteLength(JSON.stringify(part)) - 2;
  // Every character has a byte at least.
  let part = text.slice(0, bytes);
  for (let size = sizeOf(part); size > bytes; size = sizeOf(part))
    part = part.slice(0, Math.min(part.length - 1, Math.floor((part.length * bytes) / size)));
  return part;
}
