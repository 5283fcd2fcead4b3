import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { getMetadataArgsStorage } from 'typeorm';
import { AuditCommandRow } from './audit/audit-command.entity.js';
import { FailureRow } from './failures/failure.entity.js';
import { MetricRow } from './metrics/metric.entity.js';
import { NoteRow } from './ops/ops-event.entity.js';
import { ProjectionRow } from './projections/projection.entity.js';
import { FactRow, TaskEventRow } from './task-events/task-event.entity.js';
import { TASK_COLUMNS } from './tasks/task.columns.js';
import { TaskRow } from './tasks/task.entity.js';

const REFERENCE = new URL('../../../docs/reference/read-model.md', import.meta.url);

/** What stands in the first cells of the first table under the heading, each in backquotes, and what in the second. */
function documented(heading: string): string[] {
  const text = readFileSync(REFERENCE, 'utf8');
  const section = text
    .slice(text.indexOf(`\n## \`${heading}\``))
    .split(/\n\n/)
    .find((part) => part.startsWith('| column'));
  return (section ?? '')
    .split('\n')
    .slice(2)
    .flatMap((line) => namesIn(line.split('|')[1] ?? ''));
}

const namesIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');

const columnsOf = (entity: unknown): string[] =>
  getMetadataArgsStorage()
    .columns.filter(({ target }) => target === entity)
    .map(({ propertyName }) => propertyName);

describe('the reference of the read models', () => {
  it.each([
    ['tasks', [TaskRow]],
    ['task_events', [FactRow, TaskEventRow]],
    ['failures', [FailureRow]],
    ['metrics', [MetricRow]],
    ['projections', [ProjectionRow]],
    ['ops_events', [NoteRow]],
    ['audit_commands', [AuditCommandRow]],
  ])('has the columns of %s', (table, entities) => {
    expect(documented(table).sort()).toEqual(entities.flatMap(columnsOf).sort());
  });

  it('names every index of the tasks', () => {
    const text = readFileSync(REFERENCE, 'utf8');
    const indexes = getMetadataArgsStorage().indices.filter(({ target }) => target === TaskRow);
    for (const { name } of indexes) expect(text).toContain(`\`${name}\``);
  });
});

describe('the columns that are read and written', () => {
  it('are those of the table, in its order', () => {
    expect(Object.keys(TASK_COLUMNS)).toEqual(columnsOf(TaskRow));
  });
});
