import type { ErasureAnswer, GarbageAnswer } from '@perennial/client';
import { invalid, parseDuration } from '@perennial/kernel';
import type { Command } from 'commander';
import { listing, platform, print, whoAsks } from '../context.js';
import { withProgress } from '../progress.js';

/** `gc`, `erase` and `erasures`: what deletes. */
export function housekeepingCommands(root: Command): void {
  root
    .command('gc')
    .description('delete files that nothing needs; when one service cannot be asked, nothing is deleted')
    .option('--dry-run', 'only say what would be deleted, and how many bytes')
    .option(
      '--grace <duration>',
      'keep what is younger, such as 1h; 0s only while nothing is being published (default: a day, or as ingest is set)',
    )
    .action(async (options: { dryRun?: boolean; grace?: string }, command: Command) => {
      const grace = options.grace !== undefined && {
        graceSeconds: Math.ceil(parseDuration(options.grace, '--grace') / 1_000),
      };
      const answer = await withProgress(
        () => 'every service is asked what it needs',
        () => platform().housekeeping.collectGarbage({ dryRun: options.dryRun ?? false, ...grace }),
      );
      print(command, answer, () => garbageText(answer));
    });
  root
    .command('erase')
    .description('take everything that belongs to one key out of what is kept: rows, features, training sets')
    .option('--key <column=value>', 'whose rows, such as passenger=123')
    .option('--source <name>', 'of one source; of every one that has the column when left out')
    .option('--dry-run', 'only say what holds the key, and which models learned from it')
    .action(async (options: { key?: string; source?: string; dryRun?: boolean }, command: Command) => {
      const key = keyIn(options.key);
      const answer = await withProgress(
        () => 'everything that is kept is looked through',
        () =>
          platform().housekeeping.erase({
            ...key,
            ...(options.source !== undefined && { source: options.source }),
            dryRun: options.dryRun ?? false,
            requestedBy: whoAsks(),
          }),
      );
      print(command, answer, () => erasureText(answer));
    });
  root
    .command('erasures')
    .description('erasures that were asked for, without whose they were')
    .action(async (_options: unknown, command: Command) => {
      const erasures = await platform().housekeeping.erasures();
      const columns = ['erasure_id', 'column', 'source', 'rows', 'status', 'requested_by', 'requested_at'];
      print(command, { erasures }, () =>
        listing(erasures as unknown as Record<string, unknown>[], columns, 'nothing was erased yet'),
      );
    });
}

function keyIn(text: string | undefined): { column: string; value: string } {
  const at = text?.indexOf('=') ?? -1;
  if (text === undefined || at < 1 || at === text.length - 1) {
    throw invalid('ERASURE_KEY', 'say whose rows: --key column=value, such as passenger=123', {
      field: 'key',
    });
  }
  return { column: text.slice(0, at), value: text.slice(at + 1) };
}

function garbageText(answer: GarbageAnswer): string {
  const { garbage, garbage_bytes, young, needed, needed_bytes, grace_seconds } = answer;
  const verb = answer.dry_run ? 'would be deleted' : 'deleted';
  const head = `${garbage} files with ${garbage_bytes} bytes ${verb}; ${needed} with ${needed_bytes} bytes are needed`;
  const kept = young ? `; ${young} that nothing needs are younger than ${grace_seconds} s` : '';
  const largest = listing(answer.largest.slice(0, 20), ['bytes', 'modified_at', 'digest'], '');
  return [head + kept, largest].filter(Boolean).join('\n');
}

function erasureText({ dry_run, rows, places, models, bytes_deleted }: ErasureAnswer): string {
  if (places.length === 0) return 'nothing that is kept has this key';
  const sum = dry_run
    ? `${rows} rows of segments hold the key; nothing was changed`
    : `${rows} rows of segments erased; ${bytes_deleted} bytes of files that held the key are gone`;
  const table = listing(places, ['service', 'what', 'rows', 'action', 'name'], '');
  const retrain = models.length
    ? `\nlearned from these rows, to be retrained: ${models.map(({ model, version }) => `${model}@${version}`).join(', ')}`
    : '';
  return `${sum}\n${table}${retrain}`;
}
