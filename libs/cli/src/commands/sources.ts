import type { SourceAnswer, SourceApplied } from '@perennial/client';
import { canonicalJson } from '@perennial/kernel';
import type { Command } from 'commander';
import { listing, platform, print } from '../context.js';
import { watchedFilesCommand } from './datasets.js';

interface AddOptions {
  time: string;
  zone?: string;
  key?: string;
  watermark?: string;
  late?: string;
  purpose?: string;
}

/** `sources`: where rows come from, and how they are read. */
export function sourcesCommands(root: Command): void {
  const sources = root.command('sources').description('where rows come from, and how they are read');
  sources
    .command('add <name>')
    .description('declare a source, so that rows can come before any system reads them')
    .requiredOption('--time <column>', 'the column of event time')
    .option('--zone <zone>', 'IANA zone of times without an offset, such as Europe/Berlin (default: UTC)')
    .option('--key <columns>', 'columns that name what a row is about, with commas between them')
    .option('--watermark <duration>', 'rows so far behind the newest one are late, for example 1h')
    .option('--late <policy>', 'what happens to late rows: take, quarantine or refuse (default: take)')
    .option('--purpose <text>', 'what it is for')
    .action(async (name: string, options: AddOptions, command: Command) => {
      const answer = await platform().sources.apply(documentOf(name, options));
      print(command, answer, () => sourceAppliedText(answer));
    });
  sources
    .command('list')
    .description('list the sources and what came')
    .action(async (_options: unknown, command: Command) => {
      const found = await platform().sources.list();
      const columns = [
        'source',
        'kind',
        'rows',
        'segments',
        'last_event_time',
        'time_column',
        'version',
        'systems',
      ];
      print(command, { sources: found }, () =>
        listing(
          found.map((one) => ({ ...one, kind: kindText(one.kind), systems: one.systems.join(' ') })),
          columns,
          'no sources yet: perennial sources add <name> --time <column>',
        ),
      );
    });
  watchedFilesCommand(sources);
  sources
    .command('show <name>')
    .description('show one source')
    .action(async (name: string, _options: unknown, command: Command) => {
      const answer = await platform().sources.show(name);
      print(command, answer, () => shownText(answer));
    });
}

/** A document of kind Source as YAML, of which JSON is a part. */
function documentOf(name: string, { time, zone, key, watermark, late, purpose }: AddOptions): string {
  const columns = key === undefined ? [] : key.split(',').map((column) => column.trim());
  return canonicalJson({
    apiVersion: 'perennial/v1',
    kind: 'Source',
    name,
    ...(purpose !== undefined && { purpose }),
    time: zone === undefined ? time : { column: time, zone },
    ...(columns.length > 0 && { key: columns }),
    ...((watermark !== undefined || late !== undefined) && {
      late: { ...(watermark !== undefined && { watermark }), ...(late !== undefined && { policy: late }) },
    }),
  });
}

/** What applying a document of kind Source did. */
export function sourceAppliedText({ source, version, created, changes }: SourceApplied): string {
  if (created) return `the source ${source} is declared; rows and labels can come`;
  if (changes.length === 0) return `the source ${source}: nothing changed, it stays at version ${version}`;
  return `the source ${source} is now at version ${version}\n${changesText(changes)}`;
}

/** What applying it would do. */
export function sourcePlanText({ source, created, changes }: SourceApplied): string {
  if (created) return `the source ${source} would be declared`;
  if (changes.length === 0) return `the source ${source}: nothing would change`;
  return `the source ${source} would change\n${changesText(changes)}`;
}

function changesText(changes: SourceApplied['changes']): string {
  return changes
    .map((change) => `  ${change.path}: ${change.from_json || '(unset)'} → ${change.to_json || '(unset)'}`)
    .join('\n');
}

function shownText({ summary, declared_by }: SourceAnswer): string {
  if (!summary) return 'nothing is known of it';
  const { late_policy, watermark_ms } = summary;
  const late =
    watermark_ms === '0' ? 'none' : `${Number(watermark_ms) / 1000} s behind the newest: ${late_policy}`;
  const declared =
    summary.version > 0 ? `version ${summary.version}, by ${declared_by || 'somebody'}` : 'by systems alone';
  return [
    `${summary.source}: ${summary.rows} rows in ${summary.segments} segments, the newest of ${summary.last_event_time ?? 'never'}`,
    `  declared     ${declared}`,
    `  time         ${summary.time_column}, without an offset in ${summary.zone || 'UTC'}`,
    `  key          ${summary.key.join(', ') || 'none'}`,
    `  late rows    ${late}`,
    `  systems      ${summary.systems.join(', ') || 'none'}`,
  ].join('\n');
}

export function kindText(kind: string): string {
  return kind === 'SEGMENT_KIND_LABELS' ? 'labels' : 'rows';
}
