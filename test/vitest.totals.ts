import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/**
 * Counts for the closing line `N passed, N failed`. The set-up script prints it after everything else the runner
 * says; without the script (TEST_TOTALS_FILE is not set) it is printed here.
 */
export default class Totals implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    let passed = 0;
    let failed = errors.length;
    let skipped = 0;
    for (const module of modules) {
      let failedHere = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'skipped') skipped += 1;
        else failedHere += 1;
      }
      // A file that could not be loaded has no tests, and a broken hook fails the file alone; both are failures.
      failed += failedHere === 0 && module.state() === 'failed' ? 1 : failedHere;
    }
    const line = `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}\n`;
    const file = process.env['TEST_TOTALS_FILE'];
    if (file) writeFileSync(file, line);
    else process.stdout.write(line);
  }
}
