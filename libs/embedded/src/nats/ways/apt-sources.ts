/** One repository of the machine's own apt configuration, reduced to what we reuse of it. */
export interface AptSource {
  uris: string[];
  suites: string[];
  components: string[];
  /** Path or key block of the keyring; undefined leaves the choice to apt's trusted keys. */
  signedBy: string | undefined;
}

/** Reads the one-line format of `sources.list`. Options other than `signed-by`, `trusted` above all, are not taken over. */
export function parseSourcesList(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const found = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (!found) return [];
    const [, options = '', uri = '', suite = '', components = ''] = found;
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1];
    return [{ uris: [uri], suites: [suite], components: words(components), signedBy }];
  });
}

/** Reads the deb822 format of `*.sources` files. */
export function parseDeb822(text: string): AptSource[] {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .split(/\n\s*\n/)
    .map(fieldsOf)
    .filter(
      (fields) => words(fields.get('types')).includes('deb') && fields.get('enabled')?.toLowerCase() !== 'no',
    )
    .map((fields) => ({
      uris: words(fields.get('uris')),
      suites: words(fields.get('suites')),
      components: words(fields.get('components')),
      signedBy: fields.get('signed-by'),
    }));
}

/** Writes the source again for other suites: same mirror, same keyring. */
export function formatDeb822(source: AptSource, suite: string, architecture: string): string {
  const lines = [
    'Types: deb',
    `URIs: ${source.uris.join(' ')}`,
    `Suites: ${suite}`,
    `Components: ${source.components.join(' ')}`,
    `Architectures: ${architecture}`,
  ];
  if (source.signedBy !== undefined) lines.push(`Signed-By: ${source.signedBy}`);
  return lines.join('\n') + '\n';
}

function fieldsOf(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let name = '';
  for (const line of stanza.split('\n')) {
    const field = /^([\w-]+):\s*(.*)$/.exec(line);
    if (field) {
      name = (field[1] ?? '').toLowerCase();
      fields.set(name, (field[2] ?? '').trim());
    } else if (name !== '' && /^\s/.test(line)) {
      // A key block spans lines, each indented; the indentation is part of the format.
      fields.set(name, `${fields.get(name) ?? ''}\n${line}`);
    }
  }
  return fields;
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}
