import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { commandReference } from '../testing/command-reference.js';
import { QUESTIONS } from '../testing/command-table.js';

const FILE = new URL('../../../../docs/reference/commands.md', import.meta.url);

describe('docs/reference/commands.md', () => {
  it('shows the table as it is', () => {
    if (process.env.UPDATE_DOCS) writeFileSync(FILE, commandReference());
    expect(readFileSync(FILE, 'utf8')).toBe(commandReference());
  });

  it('says of every refusal but the one that is final what to do instead', () => {
    const mute = QUESTIONS.filter(({ answer }) => answer.status === 400).filter(
      ({ answer }) =>
        !/(runs by itself|pause or cancel|[Rr]esume|retried|[Rr]etry|Branch|[Ss]ubmit it)/.test(answer.says!),
    );
    expect(mute.map(({ answer }) => answer.code)).toEqual(['task/already-succeeded']);
  });
});
