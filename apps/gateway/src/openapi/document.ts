import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';
import { StreamedEvent } from '../events/events.schema.js';
import { Problem } from '../http/problem.js';
import { SubmitTask } from '../tasks/submit-task.schema.js';
import { convertSchema } from './schema-converter.js';

const DESCRIPTION = `Submit tasks, follow them, change their course.

Every request under /api/v1 needs an API key. Times are UTC in ISO-8601, durations are in seconds unless the name says otherwise.
Errors are problem+json (RFC 9457): \`code\` is stable, \`detail\` says what to do. Whatever was accepted with 2xx is never lost.`;

/** The OpenAPI 3.1 document of all that the gateway answers. */
export function openApiDocument(app: NestFastifyApplication): OpenAPIObject {
  const outline = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Millrace')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer('/', 'This gateway')
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key' }, 'key')
    .addBearerAuth({ type: 'http', scheme: 'bearer' }, 'bearer')
    .addTag('Tasks', 'Submit, read and command tasks')
    .addTag('Events', 'Follow what happens as it happens')
    .addTag('Handlers', 'What can be submitted')
    .addTag('Keys', 'Who may do what')
    .addTag('Audit', 'Who did what')
    .addTag(
      'Reference systems',
      'Paths of the systems that Millrace takes the place of: other names of the same operations, with the same keys and roles',
    )
    .addTag('Health', 'For probes; no key')
    .addTag('Problems', 'The catalogue of errors; no key')
    .build();
  const document = SwaggerModule.createDocument(app, outline, { standardSchemaConverter: convertSchema });
  // Referred to by name alone, so that no operation brings them along.
  for (const schema of [SubmitTask, Problem, StreamedEvent]) {
    const components = convertSchema(schema, { schemaType: 'input' })?.components;
    Object.assign(((document.components ??= {}).schemas ??= {}), components);
  }
  return document;
}

/** Serves the document and Swagger UI. */
export function serveDocument(app: NestFastifyApplication): void {
  SwaggerModule.setup('docs', app, () => openApiDocument(app), {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'Millrace API',
    swaggerOptions: { persistAuthorization: true, displayRequestDuration: true, tryItOutEnabled: true },
  });
}
