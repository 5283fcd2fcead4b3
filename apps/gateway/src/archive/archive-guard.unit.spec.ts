import { describe, expect, it } from '@jest/globals';
import { BadCursorError } from '@millrace/read-model';
import { ArchiveGuard } from './archive-guard.js';

const UNAVAILABLE = { code: 'archive/unavailable' };
const REFUSED = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

class Letters {
  readonly #postgres: { isAway: boolean };
  #asked = 0;

  constructor(postgres: { isAway: boolean }) {
    this.#postgres = postgres;
  }

  first(count: number): Promise<string[]> {
    this.#asked++;
    return this.#postgres.isAway ? Promise.reject(REFUSED) : Promise.resolve(['a', 'b', 'c'].slice(0, count));
  }

  timesAsked(): Promise<number> {
    return Promise.resolve(this.#asked);
  }
}

function setup() {
  const clock = { now: 0 };
  const postgres = { isAway: false };
  const guard = new ArchiveGuard(() => clock.now);
  const letters = new Letters(postgres);
  return { clock, postgres, guard, letters, guarded: guard.over(letters) };
}

describe('queries behind the guard of the archive', () => {
  it('answer as they do without it', async () => {
    const { guarded } = setup();
    expect(await guarded.first(2)).toEqual(['a', 'b']);
    expect(await guarded.timesAsked()).toBe(1);
  });

  it('fail while Postgres is away, and one in a second looks whether it is back', async () => {
    const { clock, postgres, letters, guarded } = setup();
    const failThrice = () =>
      Promise.all([1, 2, 3].map((count) => expect(guarded.first(count)).rejects.toMatchObject(UNAVAILABLE)));
    postgres.isAway = true;
    await expect(guarded.first(1)).rejects.toMatchObject({ ...UNAVAILABLE, cause: REFUSED });
    clock.now = 999;
    await failThrice();
    expect(await letters.timesAsked()).toBe(1);
    clock.now = 1_000;
    await failThrice();
    expect(await letters.timesAsked()).toBe(2);
    postgres.isAway = false;
    clock.now = 2_000;
    expect(await guarded.first(1)).toEqual(['a']);
    expect(await Promise.all([guarded.first(1), guarded.first(2)])).toEqual([['a'], ['a', 'b']]);
  });

  it('know from each other that Postgres is away', async () => {
    const { postgres, guard, guarded } = setup();
    postgres.isAway = true;
    await expect(guarded.first(1)).rejects.toMatchObject(UNAVAILABLE);
    await expect(guard.ask(() => Promise.resolve())).rejects.toMatchObject(UNAVAILABLE);
    await expect(guard.over(new Letters(postgres)).first(1)).rejects.toMatchObject(UNAVAILABLE);
  });

  it('refuse a cursor that is none, and let every other fault through', async () => {
    const { guard } = setup();
    const fault = new Error('syntax error');
    await expect(guard.ask(() => Promise.reject(new BadCursorError()))).rejects.toMatchObject({
      code: 'request/invalid',
      extra: { errors: [{ path: 'cursor' }] },
    });
    await expect(guard.ask(() => Promise.reject(fault))).rejects.toBe(fault);
    expect(await guard.ask(() => Promise.resolve('asked'))).toBe('asked');
  });
});
