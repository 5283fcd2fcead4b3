export default async function tearDown() {
  await globalThis.millraceTestPostgres?.stop();
}
