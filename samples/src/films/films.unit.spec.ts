import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { testHandler } from '@millrace/worker/testkit';
import { PublishFilmHandler } from './publish-film.handler.js';
import { RenderFilmHandler } from './render-film.handler.js';
import { Busy, Studio } from './studio.js';

class NotedStudio extends Studio {
  readonly notes: string[] = [];
  /** What calls throw instead of working, one after the other. */
  readonly troubles: Error[] = [];

  frames = (): Promise<number> => Promise.resolve(5);

  render = (_film: string, frame: number, signal: AbortSignal): Promise<void> =>
    this.#note(`frame ${frame}`).then(() => signal.throwIfAborted());

  encode = (film: string, format: string): Promise<string> => this.#note(`encode ${film}.${format}`);

  upload = async (file: string): Promise<string> => {
    const trouble = this.troubles.shift();
    if (trouble) throw trouble;
    return this.#note(file.replace('encode', 'upload'));
  };

  charge = (film: string, fencingToken: number): Promise<string> =>
    this.#note(`charge ${film} with ${fencingToken}`);

  async #note(note: string): Promise<string> {
    this.notes.push(note);
    return note;
  }
}

const setup = () => {
  const studio = new NotedStudio();
  return {
    studio,
    rendering: testHandler(new RenderFilmHandler(studio), 'render'),
    publishing: testHandler(new PublishFilmHandler(studio), 'publish'),
  };
};

const FRAMES = ['frame 0', 'frame 1', 'frame 2', 'frame 3', 'frame 4'];

describe('render_film', () => {
  it('goes on after the last checkpoint when its worker is lost', async () => {
    const { rendering, studio } = setup();
    const run = rendering.submit({ film: 'a', checkpoint_every: 2 });
    run.when(
      () => run.progress.length === 3,
      () => run.crashBefore('checkpoint'),
    );
    await run.until('succeeded');
    expect(run.result).toEqual({ frames: 5 });
    expect(studio.notes).toEqual([...FRAMES.slice(0, 4), ...FRAMES.slice(2)]);
    expect(run.attempts.map(({ end }) => end)).toEqual(['lost', 'succeeded']);
  });

  it('goes on with the very next frame when it was paused', async () => {
    const { rendering, studio } = setup();
    const run = rendering.submit({ film: 'a' });
    run.when(
      () => run.progress.length === 3,
      () => run.pause(),
    );
    await run.until('paused');
    run.resume();
    await run.until('succeeded');
    // The frame in hand was not finished.
    expect(studio.notes).toEqual([...FRAMES.slice(0, 4), ...FRAMES.slice(3)]);
  });
});

describe('publish_film', () => {
  it('does each thing once, over waits of days', async () => {
    const { publishing, studio } = setup();
    const run = publishing.submit({ film: 'a', formats: ['mp4', 'webm'], embargo_seconds: 24 * 3600 });
    await run.until('scheduled');
    await run.advance({ days: 3 });
    run.signal('approve', { by: 'Ada' });
    await run.settled();
    await run.advance({ days: 1 });
    expect(run.result).toMatchObject({ urls: ['upload a.mp4', 'upload a.webm'], approved_by: 'Ada' });
    expect(studio.notes.map((note) => note.split(' ')[0])).toEqual([
      'encode',
      'encode',
      'upload',
      'upload',
      'charge',
    ]);
    expect(run.attempts).toHaveLength(3);
  });

  it('charges twice when its worker is lost before that is recorded, with a newer token', async () => {
    const { publishing, studio } = setup();
    const run = publishing.submit({ film: 'a', formats: ['mp4'] });
    run.signal('approve', { by: 'Ada' });
    run.crashBefore('step', 'charge');
    await run.until('succeeded');
    const [first, second] = studio.notes.filter((note) => note.startsWith('charge'));
    expect(Number(second?.split(' ').at(-1))).toBeGreaterThan(Number(first?.split(' ').at(-1)));
  });

  it('comes again when the shop says so, and uploads what is encoded', async () => {
    const { publishing, studio } = setup();
    studio.troubles.push(new Busy(900));
    const run = publishing.submit({ film: 'a', formats: ['mp4'] });
    run.signal('approve', { by: 'Ada' });
    await run.until('scheduled');
    expect(run.error?.name).toBe('RetryLater');
    await run.advance({ seconds: 900 });
    expect(run.status).toBe('SUCCESS');
    expect(run.steps).toEqual(['mp4/encode', 'mp4/upload', 'mp4', '~signal:approve', '~sleep', 'charge']);
    expect(studio.notes.filter((note) => note.startsWith('encode'))).toHaveLength(1);
  });

  it.each([
    ['for good when nobody approves in a week', [], 'SignalTimeoutError'],
    ['for good by what its own judgement calls hopeless', [new RangeError('too long')], 'RangeError'],
  ])('fails %s', async (_why, troubles, name) => {
    const { publishing, studio } = setup();
    studio.troubles.push(...troubles);
    const run = publishing.submit({ film: 'a', formats: ['mp4'] });
    await run.settled();
    await run.advance({ days: 7 });
    expect([run.status, run.error?.name]).toEqual(['FAILURE', name]);
    expect(run.attempts.length).toBeLessThanOrEqual(2);
  });

  it('waits as long as the class of the error asks for', async () => {
    const { publishing, studio } = setup();
    studio.troubles.push(Object.assign(new Error('gone'), { name: 'ConnectionReset' }), new Error('odd'));
    const run = publishing.submit({ film: 'a', formats: ['mp4'] });
    await run.settled();
    await run.advance({ seconds: 1 });
    expect(run.error?.message).toBe('odd');
    await run.advance({ seconds: 119 });
    expect(run.status).toBe('RETRY');
    await run.advance({ seconds: 1 });
    expect(run.error).toBeUndefined();
    expect(run.events.at(-1)?.data).toMatchObject({ waiting_for: 'signal:approve' });
  });
});

describe('the guide to long runs', () => {
  it('shows code that is compiled and tested here', async () => {
    const guide = await readFile(new URL('../../../docs/guides/long-runs.md', import.meta.url), 'utf8');
    const sources = await Promise.all(
      ['render-film.handler.ts', 'publish-film.handler.ts', 'films.unit.spec.ts'].map((file) =>
        readFile(new URL(`../../src/films/${file}`, import.meta.url), 'utf8'),
      ),
    );
    // It stands there without what is around it.
    const flush = (code: string): string => code.replaceAll(/^ +/gm, '');
    const source = flush(sources.join('\n'));
    const shown = [...guide.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => flush(code));
    expect(shown.length).toBeGreaterThan(5);
    for (const code of shown) expect(source).toContain(code);
  });
});
