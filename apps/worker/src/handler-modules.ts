import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Type } from '@nestjs/common';
import { ConfigError } from '@millrace/runtime';

/**
 * Loads the Nest modules that hold the handlers.
 *
 * @param specifiers package names, or paths relative to the working directory
 * @throws ConfigError with all that cannot be found or have no Nest module as their default export
 */
export async function loadHandlerModules(specifiers: string[]): Promise<Type[]> {
  const faults: string[] = [];
  const modules = await Promise.all(
    specifiers.map(async (specifier) => {
      const loaded = await load(specifier);
      if (typeof loaded?.default === 'function') return loaded.default as Type;
      faults.push(
        loaded
          ? `${specifier} has no Nest module as its default export.`
          : `${specifier} cannot be found: name a package, or a path from the working directory.`,
      );
      return undefined;
    }),
  );
  if (faults.length > 0) throw new ConfigError(faults.map((fault) => `Of the handlers, ${fault}`));
  return modules.filter((module) => module !== undefined);
}

/** Undefined when there is no such module; what a module itself fails with is not ours to explain. */
async function load(specifier: string): Promise<{ default?: unknown } | undefined> {
  const path = resolve(specifier);
  const isFile = existsSync(path);
  if (!isFile && /^[./]/.test(specifier)) return undefined;
  try {
    return (await import(isFile ? pathToFileURL(path).href : specifier)) as { default?: unknown };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!isFile && code === 'ERR_MODULE_NOT_FOUND' && message.includes(`'${specifier}'`)) return undefined;
    throw error;
  }
}
