import { describe, expect, it } from '@jest/globals';
import { Pipeline } from './pipeline.js';
import type { Stages } from './pipeline.js';

interface Gate {
  opened: Promise<void>;
  open: () => void;
}

function gate(): Gate {
  let open: () => void = () => undefined;
  return { opened: new Promise<void>((resolve) => (open = resolve)), open: () => open() };
}

const settled = async (): Promise<void> => {
  for (let turns = 0; turns < 20; turns++) await Promise.resolve();
};

/** Writes down what happens; the second step of an item waits for its gate. */
function recorded(
  gates: Partial<Record<string, Gate>>,
  stages: Partial<Stages<string, string, string>> = {},
) {
  const happened: string[] = [];
  const pipeline = new Pipeline<string, string, string>({
    prepareAhead: (item) => {
      happened.push(`${item} ahead`);
      return Promise.resolve(`${item} ready`);
    },
    prepare: (item) => {
      happened.push(`${item} prepared`);
      return Promise.resolve(`${item} ready`);
    },
    finish: async (item, ready) => {
      happened.push(`${ready} begun`);
      await gates[item]?.opened;
      happened.push(`${item} finished`);
      return item.toUpperCase();
    },
    repair: (_, error) => Promise.reject(error instanceof Error ? error : new Error(String(error))),
    ...stages,
  });
  return { happened, pipeline };
}

describe('a pipeline', () => {
  it('prepares one item while the one before is finished, and no more', async () => {
    const gates = { a: gate() };
    const { happened, pipeline } = recorded(gates);
    const done = ['a', 'b', 'c'].map((item) => pipeline.push(item));
    await settled();
    expect(happened).toEqual(['a prepared', 'a ready begun', 'b ahead']);
    gates.a.open();
    expect(await Promise.all(done)).toEqual(['A', 'B', 'C']);
    expect(happened.filter((what) => what.endsWith('finished'))).toEqual([
      'a finished',
      'b finished',
      'c finished',
    ]);
  });

  it('prepares an item that comes while the one before is finished', async () => {
    const gates = { a: gate() };
    const { happened, pipeline } = recorded(gates);
    const first = pipeline.push('a');
    await settled();
    const second = pipeline.push('b');
    await settled();
    expect(happened).toEqual(['a prepared', 'a ready begun', 'b ahead']);
    gates.a.open();
    await Promise.all([first, second]);
  });

  it('prepares an item in its turn that cannot be prepared ahead', async () => {
    const { happened, pipeline } = recorded({}, { prepareAhead: () => Promise.resolve(undefined) });
    expect(await Promise.all(['a', 'b'].map((item) => pipeline.push(item)))).toEqual(['A', 'B']);
    expect(happened.slice(2)).toEqual(['a finished', 'b prepared', 'b ready begun', 'b finished']);
  });

  it('throws away what was prepared ahead of an item that had to be repaired', async () => {
    const { happened, pipeline } = recorded(
      {},
      {
        finish: (item) => (item === 'a' ? Promise.reject(new Error('no')) : Promise.resolve(item)),
        repair: (item) => Promise.resolve(`${item} repaired`),
      },
    );
    expect(await Promise.all(['a', 'b'].map((item) => pipeline.push(item)))).toEqual(['a repaired', 'b']);
    expect(happened).toEqual(['a prepared', 'b ahead', 'b prepared']);
  });

  it('takes nothing more once an item could not be repaired', async () => {
    const { pipeline } = recorded(
      {},
      { finish: (item) => (item === 'b' ? Promise.reject(new Error('no')) : Promise.resolve(item)) },
    );
    const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((item) => pipeline.push(item)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    await expect(pipeline.push('d')).rejects.toThrow('no');
  });
});
