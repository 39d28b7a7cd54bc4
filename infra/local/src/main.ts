import { rmSync } from 'node:fs';
import path from 'node:path';
import { PlatformError } from '@perennial/kernel';
import { announcement } from './announce.js';
import { type DemoArguments, parseArguments, type StartArguments, usage } from './arguments.js';
import { exampleNames, tellStory } from './demo.js';
import { rootDir } from './paths.js';
import { endOrphans } from './pids-file.js';
import { type Platform, startPlatform } from './supervisor.js';

const home = path.join(rootDir, '.perennial');
const say = (line: string) => process.stdout.write(`${line}\n`);
/** How often a long start says that it goes on. */
const progressEveryMs = 2_000;

// A terminal that was closed takes no more words (EIO); what runs is stopped in order all the same, without them.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {});

try {
  const words = parseArguments(process.argv.slice(2), exampleNames());
  if (words.command === 'help') say(usage);
  else process.exitCode = await run(words);
} catch (error) {
  // What we know is a sentence; a stack is for what we do not know.
  if (!(error instanceof PlatformError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function run(words: StartArguments | DemoArguments): Promise<number> {
  const interrupted = interruption();
  const dataDir = path.join(home, words.command === 'demo' ? 'demo' : 'data');
  if (words.command === 'demo') await beginAnew(dataDir);
  const platform = await start(words, dataDir, interrupted);
  try {
    say(announcement(platform));
    if (words.command === 'demo') return await demo(words, platform, interrupted);
    await aborted(interrupted);
    return 0;
  } finally {
    say('stopping ...');
    await platform.stop();
    say('stopped');
  }
}

async function start(
  words: StartArguments | DemoArguments,
  dataDir: string,
  signal: AbortSignal,
): Promise<Platform> {
  const startedAt = performance.now();
  const progress = setInterval(() => {
    say(`starting, ${Math.round((performance.now() - startedAt) / 1000)} s ...`);
  }, progressEveryMs);
  try {
    return await startPlatform({
      dataDir,
      ports: { http: words.httpPort, grpc: words.httpPort + 1 },
      verbose: words.verbose,
      replicas: words.replicas,
      clientFile: path.join(home, 'client.json'),
      // The story begins with empty servers, so it always brings its own.
      useExternal: words.command === 'start',
      report: say,
      signal,
    });
  } finally {
    clearInterval(progress);
  }
}

/** Only after the last demo's processes are gone: they may still hold the files. */
async function beginAnew(dataDir: string): Promise<void> {
  await endOrphans(path.join(dataDir, 'pids.json'), say);
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
}

async function demo(words: DemoArguments, platform: Platform, signal: AbortSignal): Promise<number> {
  const story = tellStory(words.example, platform);
  const code = await Promise.race([story.ended, aborted(signal).then(() => 'interrupted' as const)]);
  if (code === 'interrupted') {
    story.stop();
    await story.ended;
    return 1;
  }
  if (words.exit) return code;
  say(
    code === 0 ? 'The platform stays up; Ctrl-C stops everything.' : `the story failed (exit code ${code})`,
  );
  await aborted(signal);
  return code;
}

/** SIGINT (Ctrl-C), SIGTERM and SIGHUP (the terminal was closed) mean: stop everything, in order. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => controller.abort());
  return controller.signal;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
