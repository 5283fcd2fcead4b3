/**
 * Calls back once when the signal is aborted, and at once when it already is: its event comes only once, and whoever begins to listen after
 * that would wait for ever. The function ends it.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener();
    return () => undefined;
  }
  signal.addEventListener('abort', listener, { once: true });
  return () => {
    signal.removeEventListener('abort', listener);
  };
}
