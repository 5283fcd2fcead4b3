import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Type } from '@nestjs/common';

/**
 * Loads the Nest modules that hold the handlers.
 *
 * @param specifiers package names, or paths relative to the working directory
 * @throws Error when one cannot be loaded or has no Nest module as its default export
 */
export async function loadHandlerModules(specifiers: string[]): Promise<Type[]> {
  return Promise.all(
    specifiers.map(async (specifier) => {
      const isPath = specifier.startsWith('.') || specifier.startsWith('/');
      const loaded = (await import(isPath ? pathToFileURL(resolve(specifier)).href : specifier)) as {
        default?: unknown;
      };
      if (typeof loaded.default === 'function') return loaded.default as Type;
      throw new Error(`MILLRACE_HANDLERS: ${specifier} has no Nest module as its default export.`);
    }),
  );
}
