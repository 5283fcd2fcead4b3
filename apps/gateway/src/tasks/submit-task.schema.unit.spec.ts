import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { SubmitTask } from './submit-task.schema.js';

const GUIDE = new URL('../../../../docs/guides/long-runs.md', import.meta.url);

describe('a submission', () => {
  it('may be what the guide to long runs shows', async () => {
    const [, shown = ''] = /```json\n(.*?"by_error".*?)```/s.exec(await readFile(GUIDE, 'utf8')) ?? [];
    const body: unknown = JSON.parse(shown);
    expect(SubmitTask.parse(body)).toEqual(body);
  });
});
