import type { DatasetAsked, DatasetSegment, DatasetVersion } from '@perennial/client';
import { invalid } from '@perennial/kernel';
import type { Command } from 'commander';
import { countIn, listing, platform, print } from '../context.js';
import { withProgress } from '../progress.js';
import { fileFormat, writeBody } from '../write-file.js';

interface Named {
  labels?: boolean;
  asOf?: string;
}

const versionColumns = ['dataset', 'rows', 'segments', 'files', 'bytes', 'made', 'why'];
const segmentColumns = ['segment_id', 'producer', 'rows', 'from', 'to', 'recorded_at', 'digest'];
/** Of the segments of a version so many are shown; `--json` has a thousand. */
const shownMax = 20;

/** `dataset`: versions of the verified rows of sources. */
export function datasetCommands(root: Command): void {
  const dataset = root.command('dataset').description('versions of the verified rows of a source');
  listCommands(dataset);
  lookCommands(dataset);
  exportCommand(dataset);
  dataset
    .command('compact [source]')
    .description('make few large files of many small ones, now; the rows and their order stay')
    .action(async (source: string | undefined, _options: unknown, command: Command) => {
      const answer = await platform().datasets.compact(source);
      print(command, answer, () =>
        answer.files_before === 0
          ? 'nothing to do: no small files stand side by side'
          : `${answer.files_before} files became ${answer.files_after}, with ${answer.rows} rows`,
      );
    });
}

function listCommands(dataset: Command): void {
  dataset
    .command('list')
    .description('the newest version of every dataset')
    .action(async (_options: unknown, command: Command) => {
      const datasets = await platform().datasets.list();
      print(command, { datasets }, () =>
        listing(datasets.map(versionLine), versionColumns, 'no rows were verified yet'),
      );
    });
  dataset
    .command('versions <source>')
    .description('versions of a dataset, newest first')
    .option('--labels', 'of the labels')
    .option('--before <version>', 'only versions before this one, such as v12')
    .action(async (source: string, options: Named & { before?: string }, command: Command) => {
      const before = options.before === undefined ? undefined : versionIn(options.before);
      const versions = await platform().datasets.versions(source, {
        ...kindOf(options),
        ...(before !== undefined && { before }),
      });
      print(command, { versions }, () =>
        listing(versions.map(versionLine), versionColumns, 'no rows were verified yet'),
      );
    });
}

function lookCommands(dataset: Command): void {
  dataset
    .command('show <dataset>')
    .description('a version with its segments: flights, or flights@v12')
    .option('--as-of <time>', 'v12, or the version that was the newest at a time')
    .option('--labels', 'of the labels')
    .action(async (text: string, options: Named, command: Command) => {
      const { source, ...asked } = askedOf(text, options);
      const answer = await platform().datasets.show(source, asked);
      print(command, answer, () => {
        const shown = answer.segments.slice(-shownMax);
        const left = answer.version.segments - shown.length;
        const more = left > 0 ? `\n(and ${left} earlier ones; --json shows more, the manifest all)` : '';
        return `${listing([versionLine(answer.version)], versionColumns, '')}\nmanifest ${answer.version.manifest_digest}\n\n${listing(shown.map(segmentLine), segmentColumns, 'no segments')}${more}`;
      });
    });
  dataset
    .command('diff <from> [to]')
    .description('what came between two versions: flights@v12 flights@v15, or up to the newest')
    .option('--labels', 'of the labels')
    .action(async (from: string, to: string | undefined, options: Named, command: Command) => {
      const one = askedOf(from, options);
      const other = to === undefined ? undefined : askedOf(to, options, one.source);
      if (one.version === undefined) throw wrong(from, 'say from which version on, such as flights@v12');
      if (other && other.source !== one.source) throw wrong(to ?? '', 'versions of one dataset are compared');
      const answer = await platform().datasets.diff(one.source, {
        ...kindOf(options),
        from: one.version,
        ...(other?.version !== undefined && { to: other.version }),
      });
      print(command, answer, () => {
        const erased = answer.rows_erased === '0' ? '' : `, ${answer.rows_erased} rows erased`;
        const head = `v${answer.from.version} to v${answer.to.version}: ${answer.rows_added} rows in ${answer.segments_added} segments came${erased}; files ${answer.from.files} to ${answer.to.files}`;
        return `${head}\n${listing(answer.added.slice(-shownMax).map(segmentLine), segmentColumns, '')}`.trim();
      });
    });
}

function exportCommand(dataset: Command): void {
  dataset
    .command('export <dataset>')
    .description('write the rows of a version to a file, in the order they were recorded')
    .option('-o, --output <file>', 'the file; by default <source>-v<version>.parquet')
    .option('--format <format>', 'parquet or csv (default: by the ending of the file)')
    .option('--as-of <time>', 'v12, or the version that was the newest at a time')
    .option('--labels', 'of the labels')
    .action(async (text: string, options: Named & { output?: string; format?: string }, command: Command) => {
      const { source, ...asked } = askedOf(text, options);
      const format = fileFormat(options, ['parquet', 'csv']);
      const response = await platform().datasets.rows(source, { ...asked, format });
      const version = response.headers.get('perennial-dataset-version') ?? '';
      const output = options.output ?? `${source}-v${version}.${format}`;
      await withProgress(
        () => `${output}: is written`,
        () => writeBody(output, response),
      );
      const answer = { source, version: Number(version), file: output };
      print(command, answer, () => `v${version} of ${source} is in ${output}`);
    });
}

/** `sources files`: of what came in by itself, each file. */
export function watchedFilesCommand(sources: Command): void {
  const columns = [
    'source',
    'kind',
    'status',
    'taken',
    'duplicates',
    'refused',
    'name',
    'looked_at',
    'message',
  ];
  sources
    .command('files [name]')
    .description('what came of the files of watched folders and S3 prefixes, the last ones first')
    .option('--limit <files>', 'at most so many (default: 100)')
    .action(async (name: string | undefined, options: { limit?: string }, command: Command) => {
      const limit = options.limit === undefined ? undefined : countIn(options.limit);
      const files = await platform().datasets.watchedFiles({
        ...(name !== undefined && { source: name }),
        ...(limit !== undefined && { limit }),
      });
      const lines = files.map((file) => ({
        ...file,
        kind: file.kind === 'SEGMENT_KIND_LABELS' ? 'labels' : 'rows',
      }));
      print(command, { files }, () =>
        listing(lines, columns, 'no file was seen; a source names folders: and s3: in its document'),
      );
    });
}

/** `flights`, `flights@v12` or, where the source is known, `v12`. */
function askedOf(text: string, options: Named, source?: string): DatasetAsked & { source: string } {
  const [name = '', version] = source && /^v?\d+$/.test(text) ? [source, text] : text.split('@');
  if (name === '') throw wrong(text, 'name a source, such as flights or flights@v12');
  if (version !== undefined && options.asOf !== undefined)
    throw wrong(text, 'name a version, or --as-of, and not both');
  return {
    source: name,
    ...kindOf(options),
    ...(version !== undefined && { version: versionIn(version) }),
    ...(options.asOf !== undefined && asOfIn(options.asOf)),
  };
}

/** `v12`, or a time. */
function asOfIn(text: string): DatasetAsked {
  return /^v\d+$/.test(text) ? { version: versionIn(text) } : { asOf: text };
}

function versionIn(text: string): number {
  const number = /^v?([1-9]\d{0,8})$/.exec(text)?.[1];
  if (number === undefined) throw wrong(text, 'a version is v and a number, such as v12');
  return Number(number);
}

function wrong(text: string, how: string) {
  return invalid('DATASET_REFERENCE', `"${text}": ${how}`, { field: 'dataset' });
}

function kindOf({ labels }: Named): { kind?: 'labels' } {
  return labels ? { kind: 'labels' } : {};
}

function versionLine(one: DatasetVersion): Record<string, unknown> {
  const labels = one.kind === 'SEGMENT_KIND_LABELS' ? ' (labels)' : '';
  return {
    dataset: `${one.source}@v${one.version}${labels}`,
    rows: one.rows,
    segments: one.segments,
    files: one.files,
    bytes: one.bytes,
    made: one.created_at,
    why: one.reason,
  };
}

function segmentLine(one: DatasetSegment): Record<string, unknown> {
  return { ...one, from: one.event_time_min, to: one.event_time_max, digest: one.digest.slice(0, 19) };
}
