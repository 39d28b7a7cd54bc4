import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Set by the run's global setup, which removes the folder with everything in it when the run ends. */
export const runDirVariable = 'TESTKIT_RUN_DIR';

/** An empty folder for one test; gone after the test run. */
export function tempDir(name = 'test'): string {
  const base = process.env[runDirVariable] ?? tmpdir();
  mkdirSync(base, { recursive: true });
  return mkdtempSync(path.join(base, `${name}-`));
}
