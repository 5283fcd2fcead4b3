import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Where tasks put their temporary files, each in a folder that has the name of its id, unless `MILLRACE_TEMP_DIR` says otherwise. Workers
 * make the folders, and the scheduler removes what they leave behind: both must mean the same place.
 */
export const DEFAULT_TEMP_DIR = join(tmpdir(), 'millrace');
