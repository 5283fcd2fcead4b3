/**
 * What a handler threw, such that everybody may look at it: an error whose parts are no texts, or throw when they are read, must not keep
 * its own failure out of the log.
 */
export function legible(thrown: unknown): unknown {
  try {
    if (typeof thrown !== 'object' || thrown === null) return thrown;
    const { name, message, stack } = thrown as Partial<Record<keyof Error, unknown>>;
    if (!(thrown instanceof Error)) return thrown;
    if (typeof name === 'string' && typeof message === 'string' && typeof (stack ?? '') === 'string')
      return thrown;
    return Object.assign(new Error(textOf(message)), {
      name: textOf(name),
      ...(typeof stack === 'string' && { stack }),
    });
  } catch (cause) {
    return new Error('A handler threw what cannot be read.', { cause });
  }
}

/** What a value says of itself; its type if it says nothing. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    // Functions, symbols and undefined have no text at all.
    const text: unknown = JSON.stringify(value);
    return typeof text === 'string' ? text : typeof value;
  } catch {
    return typeof value;
  }
}
