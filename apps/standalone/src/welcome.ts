const SAMPLE = {
  task_name: 'document_processing',
  parameters: { paths: ['docs/**/*.md', 'README.md'] },
};

/** What a newcomer needs once everything runs; the key only when it was made just now. */
export function welcome(url: string, shownKey: string | undefined): string {
  const header = `-H "X-API-Key: ${shownKey ?? '$MILLRACE_ADMIN_KEY'}"`;
  const keyLines =
    shownKey === undefined
      ? ['  Admin key   the one printed on the first start; below it is $MILLRACE_ADMIN_KEY']
      : [`  Admin key   ${shownKey}`, '              Shown only this once: keep it.'];
  return [
    '',
    'Millrace is ready.',
    '',
    `  API         ${url}/api/v1`,
    `  Swagger     ${url}/docs`,
    ...keyLines,
    '',
    'Submit a first task, which reads the documents of this folder:',
    '',
    `  curl -s ${url}/api/v1/tasks ${header} -H "Content-Type: application/json" -d '${JSON.stringify(SAMPLE)}'`,
    '',
    'and see how it does, with the task_id of the answer in place of TASK_ID:',
    '',
    `  curl -s ${url}/api/v1/tasks/TASK_ID/status ${header}`,
    '',
    'Ctrl-C stops everything.',
    '',
  ].join('\n');
}
