/** What the film handlers work with: a render farm and a shop, say. */
export abstract class Studio {
  abstract frames(film: string): Promise<number>;
  abstract render(film: string, frame: number, signal: AbortSignal): Promise<void>;
  /** Returns the file. */
  abstract encode(film: string, format: string): Promise<string>;
  /**
   * Returns the URL.
   *
   * @throws Busy
   */
  abstract upload(file: string): Promise<string>;
  /** Refuses a token that is older than one it has seen for the film. */
  abstract charge(film: string, fencingToken: number): Promise<string>;
}

/** Come again after so many seconds. */
export class Busy extends Error {
  override readonly name = 'Busy';

  constructor(readonly seconds: number) {
    super(`Busy for ${seconds} s.`);
  }
}
