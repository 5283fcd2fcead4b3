// One Postgres for all suites of a run that do not harm it: making a cluster costs more than most suites do.
import { startTestPostgres } from './libs/testing/dist/index.js';

/** @param {import('jest').Config & { testPathPatterns: { patterns: string[] } }} config */
export default async function setUp({ testPathPatterns: { patterns } }) {
  const isWithoutServers = patterns.length > 0 && patterns.every((pattern) => pattern.includes('unit.spec'));
  if (isWithoutServers) return;
  const postgres = await startTestPostgres({ max_connections: '500' });
  // Workers inherit it.
  process.env.MILLRACE_TEST_POSTGRES = postgres.adminUrl;
  globalThis.millraceTestPostgres = postgres;
}
