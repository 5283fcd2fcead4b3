import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { configurationPage } from './page.js';
import { allSettings } from './settings.js';

const FILE = new URL('../../../docs/reference/configuration.md', import.meta.url);
/** Neither a number nor a URL, nor one of a choice, nor a name. */
const NONSENSE = '= ?!';

const apps = await allSettings();

/** Whether it throws, and what it says. */
function faultsOf(read: () => unknown): string {
  try {
    read();
    return '';
  } catch (error) {
    return String(error);
  }
}

describe.each(apps)('the settings of $app', ({ rows, read }) => {
  it('need nothing to be said', () => {
    expect(faultsOf(() => read({}))).toBe('');
  });

  it('tell all their faults in one message, each with its variable', () => {
    const wrong = rows
      .map(({ variable }) => variable)
      .filter((variable) => faultsOf(() => read({ [variable]: NONSENSE })) !== '');
    const message = faultsOf(() => read(Object.fromEntries(wrong.map((name) => [name, NONSENSE]))));
    if (wrong.length > 0) expect(message).toContain(`${wrong.length} fault${wrong.length === 1 ? '' : 's'}`);
    for (const variable of wrong) expect(message).toMatch(new RegExp(`^ +- ${variable}\\b.*\\w.*$`, 'm'));
  });

  it('each say what they are', () => {
    for (const row of rows) expect(row).toMatchObject({ meaning: expect.stringMatching(/\w{3}/) });
  });
});

describe('docs/reference/configuration.md', () => {
  it('shows every setting of every process', () => {
    const page = configurationPage(apps);
    if (process.env.UPDATE_DOCS) writeFileSync(FILE, page);
    expect(readFileSync(FILE, 'utf8')).toBe(page);
  });
});
