import { readFileSync } from 'node:fs';
import type { Anomaly, Finding } from '@perennial/client';
import { invalid } from '@perennial/kernel';
import type { Command } from 'commander';
import { countIn, listing, platform, print, unreadable } from '../context.js';

interface Options {
  labels?: boolean;
  type?: string;
  limit?: string;
  check?: string;
  environment?: 'training' | 'serving';
}

/** `anomalies`: what was found odd about the rows of a source, or would be about rows in a file. */
export function anomaliesCommand(root: Command): void {
  root
    .command('anomalies <source>')
    .description(
      'what was found odd about the rows of a source, newest first; or would be about rows in a file',
    )
    .option('--labels', 'of the labels')
    .option('--type <name>', 'only of this type or rule, for example NO_DATA_IN_SPAN or range')
    .option('--limit <count>', 'at most so many (100)')
    .option('--check <file>', 'check JSON lines against the schema in force; nothing is recorded')
    .option(
      '--environment <name>',
      'with --check: training, or serving, which is compared with what was verified',
    )
    .action(async (source: string, options: Options, command: Command) => {
      const kind = options.labels ? ('labels' as const) : ('rows' as const);
      if (options.check !== undefined) {
        const { environment } = options;
        const rows = rowsOf(options.check);
        const answer = await platform().quarantine.check(source, rows, {
          kind,
          ...(environment && { environment }),
        });
        print(command, answer, () => {
          const head = `${answer.rows_checked} rows by schema version ${answer.schema_version}: ${answer.rows_held} would be held`;
          return `${head}\n\n${listing(answer.findings.map(findingLine), checked, 'nothing is odd')}`;
        });
        return;
      }
      const anomalies = await platform().quarantine.anomalies(source, {
        kind,
        ...(options.type !== undefined && { type: options.type }),
        ...(options.limit !== undefined && { limit: countIn(options.limit) }),
      });
      print(command, { anomalies }, () =>
        listing(anomalies.map(anomalyLine), listed, 'nothing odd was found'),
      );
    });
}

const checked = ['severity', 'type', 'column', 'rows', 'cause', 'evidence'];
const listed = ['found', 'severity', 'type', 'column', 'rows', 'from', 'cause', 'evidence'];

function anomalyLine({ finding, found_at }: Anomaly): Record<string, unknown> {
  return { ...findingLine(finding), found: found_at, from: finding.first_event_time };
}

function findingLine({ suspected_cause, ...finding }: Finding): Record<string, unknown> {
  return { ...finding, cause: suspected_cause };
}

/** @throws PlatformError FILE_UNREADABLE, ANOMALY_FILE */
function rowsOf(path: string): Record<string, unknown>[] {
  const text = readText(path);
  return text
    .split('\n')
    .map((line, i) => [line.trim(), i + 1] as const)
    .filter(([line]) => line !== '')
    .map(([line, number]) => {
      try {
        const row = JSON.parse(line) as unknown;
        if (typeof row === 'object' && row !== null && !Array.isArray(row))
          return row as Record<string, unknown>;
      } catch {
        // Said below, with the line.
      }
      throw invalid('ANOMALY_FILE', `line ${number} of ${path} is no JSON object; write one row a line`, {
        field: 'check',
      });
    });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error);
  }
}
