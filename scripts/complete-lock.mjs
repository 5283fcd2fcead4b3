// Adds to package-lock.json the optional platform packages that the registry did not serve when it was written:
// npm 11.19 leaves them out and its own `npm ci` then calls the lock out of sync.
import { readFileSync, writeFileSync } from 'node:fs';
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const OS = [
  'android',
  'darwin',
  'freebsd',
  'linux',
  'openharmony',
  'win32',
  'openbsd',
  'netbsd',
  'sunos',
  'aix',
  'wasi',
  'windows',
];
let added = 0;
for (const [at, entry] of Object.entries({ ...lock.packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    let found = false;
    for (
      let base = at;
      ;
      base = base.slice(0, base.lastIndexOf('/node_modules/') < 0 ? 0 : base.lastIndexOf('/node_modules/'))
    ) {
      if (lock.packages[`${base ? base + '/' : ''}node_modules/${name}`]) found = true;
      if (!base || found) break;
    }
    if (found) continue;
    const tokens = name.split('/').pop().split(/[-.]/);
    const os = tokens.find((t) => OS.includes(t));
    const cpu =
      tokens.find((t) =>
        [
          'arm64',
          'x64',
          'arm',
          'ia32',
          'ppc64',
          'riscv64',
          's390x',
          'loong64',
          'wasm32',
          'mips64el',
        ].includes(t),
      ) ?? (tokens.some((t) => t === 'ppc64le') ? 'ppc64' : undefined);
    const libc = tokens.some((t) => t.startsWith('musl'))
      ? 'musl'
      : tokens.some((t) => t.startsWith('gnu'))
        ? 'glibc'
        : undefined;
    console.log(at, '->', name, version, os, cpu, libc ?? '');
    lock.packages[`node_modules/${name}`] = {
      version: version.replace(/^[\^~]/, ''),
      ...(cpu && { cpu: [cpu] }),
      ...(entry.dev && { dev: true }),
      ...(libc && os === 'linux' && { libc: [libc] }),
      optional: true,
      ...(os && { os: [os] }),
    };
    added++;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
);
writeFileSync('package-lock.json', JSON.stringify(lock, null, 2) + '\n');
console.log(added, 'added');
