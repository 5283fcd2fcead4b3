import { workerData } from 'node:worker_threads';
import { killGroup } from './process-group.js';

const LOOK_EVERY_MS = 500;

// An orphan is given another parent, at once and by the kernel.
setInterval(() => {
  if (process.ppid === workerData || killGroup(process.pid)) return;
  process.kill(process.pid, 'SIGKILL');
}, LOOK_EVERY_MS);
