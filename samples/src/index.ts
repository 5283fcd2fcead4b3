export { SamplesModule, SamplesModule as default } from './samples.module.js';
