import {
  SerializeOptions,
  StandardSchemaSerializerInterceptor,
  UseInterceptors,
  applyDecorators,
} from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiOperation, ApiResponse, ApiSecurity } from '@nestjs/swagger';
import type { z } from 'zod';
import type { Role } from '../auth/roles.js';
import { errorResponses } from './error-responses.js';
import type { ProblemCode } from './problem.js';

/** One answer of an operation that is no error. */
export interface Answer {
  description: string;
  schema: z.ZodType;
  /** A text where the answer is no JSON. */
  example: object | string;
  /** Of an answer that is no JSON; its schema then is that of a part. */
  mediaType?: string;
}

export interface EndpointOptions {
  operationId: string;
  /** A few words; a title in the generated documents. */
  summary: string;
  description?: string;
  /** What a caller must be. */
  role: Role | 'anyone';
  /** By status. */
  returns: Readonly<Record<number, Answer>>;
  /** What it may refuse with, besides what every operation may. */
  errors?: readonly ProblemCode[];
  /** Bytes that the body may have. Defaults to 1 MiB. */
  bodyLimit?: number;
  /** Whether it submits tasks: its answer does not wait for the audit. */
  submits?: boolean;
  /** For the audit, where the path does not name it: what is to be changed, and the field of the body that says which. */
  target?: { type: string; field: string };
  /**
   * Checks each answer against its schema and strips what is not in it. Leave it off where an answer is hot or large and its type is
   * what the schema says anyway.
   */
  serialize?: boolean;
}

/** What an operation is, says, needs and refuses, in one place. */
export function Endpoint(options: EndpointOptions): MethodDecorator {
  const { role, operationId: operation, bodyLimit, submits, target, returns } = options;
  const answers = Object.entries(returns);
  const [first] = answers;
  return applyDecorators(
    RouteConfig({
      role,
      operation,
      ...(bodyLimit !== undefined && { bodyLimit }),
      ...(submits !== undefined && { submits }),
      ...(target && { target }),
    }),
    ApiOperation({
      operationId: operation,
      summary: options.summary,
      ...(options.description !== undefined && { description: options.description }),
    }),
    ...answers.map(([status, answer]) => ApiResponse({ status: Number(status), ...contentOf(answer) })),
    ...errorResponses(options.errors ?? [], role).map((response) => ApiResponse(response)),
    ...(role === 'anyone' ? [] : [ApiSecurity('key'), ApiSecurity('bearer')]),
    ...(options.serialize && first
      ? [SerializeOptions({ schema: first[1].schema }), UseInterceptors(StandardSchemaSerializerInterceptor)]
      : []),
  );
}

const contentOf = ({ description, schema, example, mediaType }: Answer) =>
  mediaType === undefined
    ? { description, standardSchema: schema, example }
    : { description, content: { [mediaType]: { schema: referenceTo(schema), example } } };

/** Where the document has a schema that carries an id. */
const referenceTo = (schema: z.ZodType) => ({ $ref: `#/components/schemas/${schema.meta()?.id ?? ''}` });
