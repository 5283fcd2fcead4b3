import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { bodyReference } from './testing/body-reference.js';

const FILE = new URL('../../../docs/reference/bodies.md', import.meta.url);

describe('docs/reference/bodies.md', () => {
  it('shows the bodies as the schemas have them', () => {
    if (process.env.UPDATE_DOCS) writeFileSync(FILE, bodyReference());
    expect(readFileSync(FILE, 'utf8')).toBe(bodyReference());
  });
});
