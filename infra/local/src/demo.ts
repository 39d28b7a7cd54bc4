import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { unavailable } from '@perennial/kernel';
import { deathWish } from './launch.js';
import { rootDir } from './paths.js';
import type { Platform } from './supervisor.js';

/** The folders under examples/. */
export function exampleNames(): string[] {
  const folder = path.join(rootDir, 'examples');
  return readdirSync(folder)
    .filter((name) => existsSync(path.join(folder, name, 'package.json')))
    .sort();
}

export interface Story {
  /** Settles with the exit code when the story has ended. */
  readonly ended: Promise<number>;
  stop(): void;
}

/**
 * Tells an example's story against the running platform, as a program that knows no more of it than a user would;
 * what it prints is shown as it comes.
 *
 * @throws PlatformError NOT_BUILT
 */
export function tellStory(example: string, platform: Platform): Story {
  const entry = path.join(rootDir, 'examples', example, 'dist', 'main.js');
  if (!existsSync(entry)) {
    throw unavailable('NOT_BUILT', `examples/${example} is not built; run: npm run build`);
  }
  const [command, ...args] = [...deathWish(), process.execPath, '--enable-source-maps', entry];
  const child = spawn(command as string, args, {
    // A group of its own: a Ctrl-C is for the supervisor, which then ends the story.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
    cwd: rootDir,
    env: {
      ...process.env,
      PERENNIAL_URL: platform.urls.http,
      PERENNIAL_GRPC_URL: platform.urls.grpc,
      PERENNIAL_TOKEN: platform.token,
      PERENNIAL_DATA_DIR: platform.dataDir,
      NATS_URL: platform.urls.nats,
    },
  });
  return { ended: exitCode(child), stop: () => child.kill('SIGKILL') };
}

function exitCode(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code ?? 1));
    child.once('error', () => resolve(1));
  });
}
