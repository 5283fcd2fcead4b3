import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { DocumentProcessingHandler } from './documents/document-processing.handler.js';
import { FactorialHandler } from './factorial/factorial.handler.js';
import samples, { SamplesModule } from './index.js';
import { SimpleHandler } from './simple/simple.handler.js';

describe('the samples as a module', () => {
  it('are the default export, which the worker loads', () => {
    expect(samples).toBe(SamplesModule);
  });

  it('start in Nest', async () => {
    const app = await NestFactory.createApplicationContext(samples, { logger: false });
    for (const handler of [DocumentProcessingHandler, FactorialHandler, SimpleHandler]) {
      expect(app.get(handler)).toBeInstanceOf(handler);
    }
    await app.close();
  });
});
