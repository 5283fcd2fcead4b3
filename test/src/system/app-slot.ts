import { setTimeout as sleep } from 'node:timers/promises';
import { spawnApp } from '@millrace/testing';
import type { TestApp } from '@millrace/testing';
import { appMain } from './places.js';

const STOP_WITHIN_MS = 30_000;

/** The place of one app of the system: its process may be killed and started again. */
export class AppSlot {
  #app: TestApp | undefined;
  /** What all lives of the app have written, for the message of a failure. */
  readonly #earlier: string[] = [];

  constructor(
    readonly name: string,
    private readonly env: Record<string, string>,
  ) {}

  /** The process of now. */
  get app(): TestApp {
    if (!this.#app) throw new Error(`The ${this.name} does not run.`);
    return this.#app;
  }

  get isUp(): boolean {
    return this.#app !== undefined;
  }

  /** Begins a life; does nothing while one lasts. */
  start(env: Record<string, string> = {}): TestApp {
    this.#app ??= spawnApp(appMain(this.name), { ...this.env, ...env });
    return this.#app;
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    const app = this.#app;
    this.#app = undefined;
    if (!app) return;
    await app.kill('SIGKILL');
    for (const line of app.lines) this.#earlier.push(line);
  }

  /** Ends it in order, or by force when that takes too long. Safe when it does not run. */
  async stop(): Promise<void> {
    const app = this.#app;
    this.#app = undefined;
    if (!app) return;
    app.signal('SIGCONT');
    const late = new AbortController();
    void sleep(STOP_WITHIN_MS, undefined, { signal: late.signal }).then(
      () => app.kill('SIGKILL'),
      () => undefined,
    );
    await app.kill('SIGTERM');
    late.abort();
    for (const line of app.lines) this.#earlier.push(line);
  }

  /** Everything that it wrote, over all lives. */
  output(): string[] {
    return [...this.#earlier, ...(this.#app?.lines ?? [])];
  }
}
