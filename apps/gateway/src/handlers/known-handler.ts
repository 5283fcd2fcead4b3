import { mergeRetry } from '@millrace/domain';
import type { Json, RetryPolicy } from '@millrace/domain';
import type { HandlerRecord } from '@millrace/log';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import type { Fault } from '../http/problem.js';

const FAULTS_AT_MOST = 50;

/** How tasks of a name behave unless their submitter says otherwise. */
export interface TaskDefaults {
  priority: number;
  retry: Readonly<RetryPolicy>;
  soft_time_limit: number;
  time_limit: number;
}

/** A registered handler: its record, and what is made of it once per revision. */
export class KnownHandler {
  #validate: ValidateFunction | undefined;
  #isCompiled = false;

  /** @param onBadSchema told when the schema of the parameters cannot be used; the handler itself is then the only judge */
  constructor(
    readonly record: HandlerRecord,
    private readonly onBadSchema: (error: unknown) => void,
  ) {}

  /** What the handler says of its tasks, and for the rest those of their queue. */
  defaultsOn(queue: TaskDefaults): TaskDefaults {
    const { priority, retry, soft_time_limit, time_limit } = this.record;
    return {
      priority: priority ?? queue.priority,
      retry: retry ? mergeRetry(queue.retry, retry) : queue.retry,
      soft_time_limit: soft_time_limit ?? queue.soft_time_limit,
      time_limit: time_limit ?? queue.time_limit,
    };
  }

  /** What the handler's schema does not allow; empty when the parameters fit. */
  faultsOf(parameters: Json): Fault[] {
    if (!this.#isCompiled) this.#compile();
    if (!this.#validate || this.#validate(parameters)) return [];
    return (this.#validate.errors ?? []).slice(0, FAULTS_AT_MOST).map(faultOf);
  }

  #compile(): void {
    this.#isCompiled = true;
    if (!this.record.parameters) return;
    try {
      // Formats are left to the handler: two opinions on what an e-mail address is would refuse tasks that could run.
      const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false, logger: false });
      this.#validate = ajv.compile(this.record.parameters);
    } catch (error) {
      this.onBadSchema(error);
    }
  }
}

function faultOf({ instancePath, keyword, params, message }: ErrorObject): Fault {
  const at = `parameters${instancePath.split('/').map(segmentText).join('')}`;
  const { additionalProperty, unevaluatedProperty, allowedValues } = params as Record<string, unknown>;
  const unknown = additionalProperty ?? unevaluatedProperty;
  if (typeof unknown === 'string') return { path: `${at}.${unknown}`, message: 'Unknown field.' };
  if (keyword === 'enum') return { path: at, message: `must be one of ${JSON.stringify(allowedValues)}` };
  return { path: at, message: message ?? 'Not valid.' };
}

/** One segment of a JSON pointer. */
function segmentText(segment: string): string {
  if (segment === '') return '';
  const text = segment.replaceAll('~1', '/').replaceAll('~0', '~');
  return /^\d+$/.test(text) ? `[${text}]` : `.${text}`;
}
