/** What a query is narrowed down to. */
export interface AlertFilter {
  queue?: string | undefined;
  task_name?: string | undefined;
}
