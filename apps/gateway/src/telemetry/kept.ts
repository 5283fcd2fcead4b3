/** Asks at most once in so many milliseconds, and gives the same answer to all who ask meanwhile. */
export function kept<T>(forMs: number, ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  let until = -Infinity;
  return () => {
    const now = performance.now();
    if (!answer || now >= until) {
      answer = ask();
      until = now + forMs;
    }
    return answer;
  };
}
