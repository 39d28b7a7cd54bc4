import { readFile } from 'node:fs/promises';
import { invalid } from '@perennial/kernel';
import type { Command } from 'commander';
import { listing, platform, print, text } from '../context.js';

interface Applied {
  system: string;
  version: number;
  created?: boolean;
  changes?: { path: string; from_json?: string; to_json?: string }[];
}

export function systemCommands(root: Command): void {
  root
    .command('plan')
    .description('say what applying a system.yaml would change')
    .requiredOption('-f, --file <path>', 'the system.yaml')
    .action(async (options: { file: string }, command: Command) => {
      const answer = (await platform().applySystem(await fileText(options.file), {
        dryRun: true,
      })) as unknown as Applied;
      print(command, answer, () => planText(answer));
    });

  root
    .command('apply')
    .description('make a system.yaml so')
    .requiredOption('-f, --file <path>', 'the system.yaml')
    .action(async (options: { file: string }, command: Command) => {
      const answer = (await platform().applySystem(await fileText(options.file))) as unknown as Applied;
      print(command, answer, () =>
        `${answer.system} is now at version ${answer.version}\n${changesText(answer)}`.trimEnd(),
      );
    });

  root
    .command('systems')
    .description('list the systems')
    .action(async (_options: unknown, command: Command) => {
      const answer = await platform().call<{ systems?: Record<string, unknown>[] }>('GET', '/v1/systems');
      print(command, answer, () =>
        listing(
          answer.systems ?? [],
          ['system', 'version', 'champion', 'held', 'activity', 'purpose'],
          'no systems yet: perennial apply -f system.yaml',
        ),
      );
    });
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

async function fileText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw invalid('FILE_UNREADABLE', `cannot read ${path}: ${text((cause as Error).message)}`, {
      cause,
      field: 'file',
    });
  }
}
