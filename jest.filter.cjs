// tsc -b does not remove the output of a deleted source: a spec runs only while its .ts file exists.
// CommonJS because jest loads its filter with require().
const { existsSync } = require('node:fs');
const { sep } = require('node:path');

/** @param {string} compiled */
function sourceOf(compiled) {
  const dist = compiled.lastIndexOf(`${sep}dist${sep}`);
  const inside = compiled.slice(dist + `${sep}dist${sep}`.length);
  return `${compiled.slice(0, dist)}${sep}src${sep}${inside.replace(/\.js$/, '.ts')}`;
}

/** @param {string[]} specs */
module.exports = async (specs) => ({ filtered: specs.filter((spec) => existsSync(sourceOf(spec))) });
