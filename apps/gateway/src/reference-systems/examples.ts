import { examples } from '../tasks/examples.js';
import { plainResult, plainStatus } from './reference-systems.schema.js';

export const plainExamples = {
  status: plainStatus(examples.status),
  result: plainResult(examples.result),
};
