import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const exclude = ['**/node_modules/**', '**/dist/**'];
/** Whole platforms under a story or under faults: minutes each, and they need the machine to themselves. */
const system = ['test/e2e/**/*.test.ts', 'test/chaos/**/*.test.ts'];

/** Tests of every package use the testkit; as a dependency of each it would be a circle in the workspace. */
const alias = { '@perennial/testkit': fileURLToPath(new URL('libs/testkit/dist/mod.js', import.meta.url)) };
const setupFiles = ['test/vitest.worker.ts'];

export default defineConfig({
  test: {
    globalSetup: ['test/vitest.setup.ts'],
    reporters: ['default', './test/vitest.totals.ts'],
    pool: 'forks',
    // Two cores are what we promise to work on, and many tests start servers of their own.
    maxWorkers: 2,
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'packages',
          setupFiles,
          include: ['{libs,services,infra,examples,test}/**/*.test.ts'],
          exclude: [...exclude, ...system],
          // Bounds for what hangs: alone no test takes 30 s, beside other work some take several times as long.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'system',
          setupFiles,
          include: system,
          exclude,
          testTimeout: 600_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
