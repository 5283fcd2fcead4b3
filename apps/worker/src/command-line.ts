import { parseArgs } from 'node:util';
import { settings } from './settings.js';
import type { Setting, SettingKey } from './settings.js';

/** What stands on a command line. */
export interface CommandLine {
  values: Partial<Record<SettingKey, string>>;
  /** What cannot be understood, each in a sentence. */
  faults: string[];
  /** The user wants to be told something instead of a worker. */
  asked: 'help' | 'version' | undefined;
}

const byOption = new Map<string, [SettingKey, Setting]>(
  Object.entries<Setting>(settings).flatMap(([key, setting]) =>
    setting.option === undefined ? [] : [[setting.option, [key as SettingKey, setting]]],
  ),
);

const OPTIONS = {
  ...Object.fromEntries(
    [...byOption].map(([option, [, { value }]]) => [
      option,
      { type: value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  ),
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/** Reads a command line, without the names of node and of the file. Of an option that is there twice the last one counts. */
export function readCommandLine(args: string[]): CommandLine {
  // Not strict: it would stop at the first fault.
  const { tokens } = parseArgs({ args, options: OPTIONS, strict: false, tokens: true });
  const line: CommandLine = { values: {}, faults: [], asked: undefined };
  let unknownAt = NaN;
  for (const token of tokens) {
    // What stands behind an option that is not there was meant as its value.
    const isValue = token.index === unknownAt + 1;
    if (token.kind === 'option' && !(token.name in OPTIONS)) unknownAt = token.index;
    if (token.kind === 'positional' && !isValue && !(token.index === 0 && token.value === COMMAND))
      line.faults.push(`"${token.value}" is not understood: options begin with --.`);
    if (token.kind !== 'option') continue;
    if (token.name === 'help' || token.name === 'version') line.asked = token.name;
    else readOption(token, line);
  }
  return line;
}

/** The only command, and so it may be left out. */
const COMMAND = 'start';

function readOption(
  token: { name: string; rawName: string; value?: string | undefined; inlineValue?: boolean | undefined },
  line: CommandLine,
): void {
  const { name, rawName, value, inlineValue } = token;
  const [key, setting] = byOption.get(name) ?? [];
  if (!key) line.faults.push(`There is no option ${rawName}.`);
  else if (setting?.value === undefined) line.values[key] = value ?? 'true';
  else if (value === undefined || value === '' || (!inlineValue && value.startsWith('--')))
    line.faults.push(`--${name} needs a value: --${name} ${setting.value}.`);
  else line.values[key] = value;
}
