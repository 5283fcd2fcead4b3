import type { z } from 'zod';
import { ConfigError } from '@millrace/runtime';
import { readCommandLine } from './command-line.js';
import { schema, settings } from './settings.js';
import type { Setting, SettingKey } from './settings.js';

export type WorkerConfig = z.output<typeof schema>;

/**
 * What the command line says, and where it is silent the environment. An empty variable counts as not set.
 *
 * @returns what the user asked to be told, or the settings
 * @throws ConfigError with all faults of both in one message
 */
export function workerConfig(
  args: string[],
  env: NodeJS.ProcessEnv = process.env,
): { asked: 'help' | 'version' } | { asked: undefined; config: Readonly<WorkerConfig> } {
  const { values, faults, asked } = readCommandLine(args);
  if (asked) return { asked };
  const given: Partial<Record<SettingKey, string | undefined>> = {};
  for (const [key, { variable }] of entries)
    given[key] = values[key] ?? (env[variable] === '' ? undefined : env[variable]);
  const result = schema.safeParse(given);
  if (result.success && faults.length === 0) return { asked, config: Object.freeze(result.data) };
  const wrong = (result.error?.issues ?? []).map(({ path, message }) => {
    const key = path[0] as SettingKey;
    const setting: Setting = settings[key];
    const name = values[key] === undefined ? setting.variable : `--${setting.option ?? ''}`;
    return `${name} ${message}, not "${given[key] ?? ''}".`;
  });
  throw new ConfigError([...faults, ...wrong]);
}

const entries = Object.entries(settings) as [SettingKey, Setting][];
