import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { RequestError } from '@perennial/client';
import { invalid } from '@perennial/kernel';
import type { Command } from 'commander';
import { listing, platform, print, unreadable } from '../context.js';
import { withProgress } from '../progress.js';
import { applySchema, planSchema } from './schemas.js';
import { sourceAppliedText, sourcePlanText } from './sources.js';

const waitMsMax = 60_000;
const waitEveryMs = 250;

interface Applied {
  system: string;
  version: number;
  created?: boolean;
  changes?: { path: string; from_json?: string; to_json?: string }[];
}

export function systemCommands(root: Command): void {
  root
    .command('plan [path]')
    .description('say what applying a document (a system.yaml, or of kind Source or Schema) would change')
    .option('-f, --file <path>', 'the document')
    .action(async (path: string | undefined, options: { file?: string }, command: Command) => {
      const text = await fileText(namedFile(path, options));
      if (isOfKind('Schema', text)) return planSchema(text, command);
      if (isOfKind('Source', text)) {
        const answer = await platform().sources.apply(text, { dryRun: true });
        print(command, answer, () => sourcePlanText(answer));
        return;
      }
      const answer = (await platform().applySystem(text, { dryRun: true })) as unknown as Applied;
      print(command, answer, () => planText(answer));
    });

  root
    .command('apply [path]')
    .description('make a document (a system.yaml, or of kind Source or Schema) so')
    .option('-f, --file <path>', 'the document')
    .action(async (path: string | undefined, options: { file?: string }, command: Command) => {
      const text = await fileText(namedFile(path, options));
      if (isOfKind('Schema', text)) return applySchema(text, command);
      if (isOfKind('Source', text)) {
        const answer = await platform().sources.apply(text);
        print(command, answer, () => sourceAppliedText(answer));
        return;
      }
      const answer = (await platform().applySystem(text)) as unknown as Applied;
      print(command, answer, () => appliedText(answer));
    });

  root
    .command('systems')
    .description('list the systems')
    .option('--wait', 'first wait until each of them serves a champion, a minute at most', false)
    .action(async (options: { wait: boolean }, command: Command) => {
      const answer = options.wait ? await untilChampions() : await listSystems();
      print(command, answer, () =>
        listing(
          (answer.systems ?? []).map((system) => ({ ...system, champion: system.champion || 'none' })),
          ['system', 'version', 'champion', 'held', 'activity', 'purpose'],
          'no systems yet: perennial apply -f system.yaml',
        ),
      );
    });
}

interface Systems {
  systems?: { system: string; champion?: number }[];
}

function listSystems(): Promise<Systems> {
  return platform().call<Systems>('GET', '/v1/systems');
}

/** The list once every system serves a champion; the exit code is 1 where a minute was not enough. */
async function untilChampions(): Promise<Systems> {
  const endsAt = performance.now() + waitMsMax;
  return withProgress(
    () => 'a first model is trained, tested and put into service',
    async () => {
      for (;;) {
        const answer = await listSystems();
        const served = await Promise.all((answer.systems ?? []).map(isServed));
        if (served.every((is) => is)) return answer;
        if (performance.now() > endsAt) {
          process.exitCode = 1;
          return answer;
        }
        await setTimeout(waitEveryMs);
      }
    },
  );
}

/** A champion is served once the gateway has loaded it, a moment after it was chosen. */
async function isServed({ system, champion }: { system: string; champion?: number }): Promise<boolean> {
  if (!champion) return false;
  try {
    await platform().call('GET', `/v2/models/${encodeURIComponent(system)}/ready`);
    return true;
  } catch (thrown) {
    if (thrown instanceof RequestError) return false;
    throw thrown;
  }
}

function appliedText(answer: Applied): string {
  const { system, version, created, changes } = answer;
  if (created)
    return `${system} is now at version ${version}, its first; next come rows and labels of its source`;
  if (!changes?.length) return `${system}: nothing changed, it stays at version ${version}`;
  return `${system} is now at version ${version}\n${changesText(answer)}`;
}

function planText(answer: Applied): string {
  if (answer.created) return `${answer.system} would be created as version ${answer.version}`;
  if (!answer.changes?.length) return `${answer.system}: nothing would change`;
  return `${answer.system} would become version ${answer.version}\n${changesText(answer)}`;
}

function changesText(answer: Applied): string {
  return (answer.changes ?? [])
    .map((change) => `  ${change.path}: ${change.from_json || '(unset)'} → ${change.to_json || '(unset)'}`)
    .join('\n');
}

/** What is no Source is a system, and refused as one where it is something else. */
function isOfKind(kind: 'Source' | 'Schema', yaml: string): boolean {
  return new RegExp(`^(kind:\\s*["']?${kind}["']?\\s*(#.*)?$|\\{.*"kind":\\s*"${kind}")`, 'm').test(yaml);
}

function namedFile(path: string | undefined, { file }: { file?: string }): string {
  const named = path ?? file;
  if (named !== undefined && (path === undefined || file === undefined)) return named;
  throw invalid('FILE_UNREADABLE', 'name one document: perennial apply system.yaml', { field: 'file' });
}

async function fileText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw unreadable(path, cause);
  }
}
