import type { WhichHeld } from '@perennial/client';
import { invalid } from '@perennial/kernel';
import type { Command } from 'commander';
import { listing, platform, print, whoAsks } from '../context.js';
import { withProgress } from '../progress.js';

export function quarantineCommands(root: Command): void {
  const quarantine = root.command('quarantine').description('rows that were held back');
  quarantine
    .command('list')
    .description('list what is held')
    .option('--source <name>', 'of one source')
    .option('--all', 'also what was repaired, released or discarded', false)
    .action(async (options: { source?: string; all: boolean }, command: Command) => {
      const query = new URLSearchParams({
        include_repaired: String(options.all),
        ...(options.source ? { source: options.source } : {}),
      });
      const answer = await platform().call<{ entries?: Record<string, unknown>[] }>(
        'GET',
        `/v1/quarantine?${query}`,
      );
      print(command, answer, () =>
        listing(
          (answer.entries ?? []).map(entryRow),
          ['quarantine_id', 'source', 'producer', 'rows', 'from', 'status', 'cause'],
          'nothing is held',
        ),
      );
    });
  quarantine
    .command('show <id>')
    .description('show held rows and why they are held')
    .action(async (id: string, _options: unknown, command: Command) => {
      const answer = await platform().call('GET', `/v1/quarantine/${encodeURIComponent(id)}`);
      print(command, answer, () => JSON.stringify(answer, undefined, 2));
    });
  quarantine
    .command('repair [id]')
    .description(
      'apply an expression to a column of held rows, verify them again and let the good ones through',
    )
    .option('--source <name>', 'everything held of a source')
    .option('--producer <name>', 'of one producer only')
    .requiredOption('--column <name>', 'the column to repair')
    .requiredOption('--expression <sql>', 'for example "(temp_min - 32) / 1.8"')
    .action(
      async (
        id: string | undefined,
        options: { source?: string; producer?: string; column: string; expression: string },
        command: Command,
      ) => {
        if (!id && !options.source)
          throw invalid('QUARANTINE_UNNAMED', 'name an entry or a --source', { field: 'source' });
        const json = {
          quarantine_id: id,
          source: options.source,
          producer: options.producer,
          column: options.column,
          expression: options.expression,
          repaired_by: whoAsks(),
        };
        const answer = await withProgress(
          () => 'rows are repaired and verified again',
          () => platform().call<Repaired>('POST', '/v1/quarantine/repair', { json }),
        );
        print(command, answer, () => repairedText(answer));
      },
    );
  decisionCommands(quarantine);
}

/** `revalidate`, `release` and `discard`. */
function decisionCommands(quarantine: Command): void {
  for (const [name, description, needsReason] of decisions) {
    const one = quarantine
      .command(`${name} [id]`)
      .description(description)
      .option('--source <name>', 'everything held of a source')
      .option('--producer <name>', 'of one producer only');
    if (needsReason) one.requiredOption('--reason <text>', 'why; it stays with the rows');
    one.action(async (id: string | undefined, options: Decision, command: Command) => {
      const which = whichHeld(id, options);
      const { reason = '' } = options;
      const by = whoAsks();
      const answer = await withProgress(
        () => 'held rows are looked at again',
        (): Promise<Decided> => {
          const held = platform().quarantine;
          if (name === 'revalidate') return held.revalidate(which, { by });
          return name === 'release'
            ? held.release(which, { reason, by })
            : held.discard(which, { reason, by });
        },
      );
      print(command, answer, () => decidedText(name, answer));
    });
  }
}

const decisions = [
  ['revalidate', 'verify held rows again as they came, by the schema of now', false],
  ['release', 'let held rows through as they are', true],
  ['discard', 'give held rows up; they never come back', true],
] as const;

interface Decision {
  source?: string;
  producer?: string;
  reason?: string;
}

/** @throws PlatformError QUARANTINE_UNNAMED */
function whichHeld(id: string | undefined, { source, producer }: Decision): WhichHeld {
  if (id !== undefined) return { id };
  if (source !== undefined) return { source, ...(producer !== undefined && { producer }) };
  throw invalid('QUARANTINE_UNNAMED', 'name an entry or a --source', { field: 'source' });
}

interface Decided {
  entries: number;
  rows?: number;
  rows_verified?: number;
  rows_released?: number;
  rows_still_held?: number;
  findings?: { evidence?: string }[];
}

function decidedText(name: string, answer: Decided): string {
  const rows = answer.rows ?? answer.rows_verified ?? answer.rows_released ?? 0;
  const still = answer.rows_still_held ?? 0;
  if (rows === 0 && still === 0) return 'nothing is held that this names';
  const did = { revalidate: 'rows let through', release: 'rows released', discard: 'rows given up' }[name];
  const evidence = answer.findings?.[0]?.evidence;
  const why = still > 0 && evidence ? `, because: ${evidence}` : '';
  return `${did}: ${rows}, in entries: ${answer.entries}; still held: ${still}${why}`;
}

interface Repaired {
  entries?: number;
  rows_repaired?: number;
  rows_still_held?: number;
  findings?: { evidence?: string }[];
}

function repairedText({ entries, rows_repaired, rows_still_held, findings }: Repaired): string {
  if (!rows_repaired && !rows_still_held) return 'nothing is held that this names';
  const evidence = findings?.[0]?.evidence;
  const why = evidence ? `, because: ${evidence}` : '';
  return `rows repaired: ${rows_repaired ?? 0}, in entries: ${entries ?? 0}; still held: ${rows_still_held ?? 0}${why}`;
}

function entryRow(entry: Record<string, unknown>): Record<string, unknown> {
  const findings = (entry['findings'] ?? []) as { suspected_cause?: string; column?: string }[];
  return {
    ...entry,
    from: entry['event_time_min'],
    cause: findings.map((finding) => `${finding.column}: ${finding.suspected_cause}`).join('; '),
  };
}
