/** Queue and task names: lower-case letters, digits, `_` and `-`, 1 to 64 of them. Nothing else becomes a subject token. */
export const NAME_PATTERN = /^[a-z0-9_-]{1,64}$/;

/** Task and worker ids: letters, digits, `_` and `-`, 1 to 128 of them. */
export const ID_PATTERN = /^[A-Za-z0-9_-]{1,128}$/;

/** Whether the text may stand as a queue or task name. */
export const isName = (text: string): boolean => NAME_PATTERN.test(text);

/** Whether the text may stand as a task or worker id. */
export const isId = (text: string): boolean => ID_PATTERN.test(text);
