import { Module } from '@nestjs/common';
import { FileArchiveHandler } from './archive/file-archive.handler.js';
import { samplesConfig } from './config.js';
import { DocumentProcessingHandler } from './documents/document-processing.handler.js';
import { FactorialHandler } from './factorial/factorial.handler.js';
import { SAMPLES_CONFIG } from './samples.constants.js';
import { SimpleHandler } from './simple/simple.handler.js';

/** The sample handlers. apps/worker loads them unless MILLRACE_HANDLERS names other modules. */
@Module({
  providers: [
    { provide: SAMPLES_CONFIG, useFactory: () => samplesConfig() },
    DocumentProcessingHandler,
    FactorialHandler,
    FileArchiveHandler,
    SimpleHandler,
  ],
})
export class SamplesModule {}
