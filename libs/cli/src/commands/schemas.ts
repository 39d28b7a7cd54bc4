import { readFile } from 'node:fs/promises';
import type { SchemaDifference, SchemaProposal, SchemaVersion } from '@perennial/client';
import { invalid } from '@perennial/kernel';
import type { Command } from 'commander';
import { listing, platform, print, unreadable, whoAsks } from '../context.js';
import { editText } from '../edit-text.js';
import { withProgress } from '../progress.js';

interface Named {
  labels?: boolean;
}

/** `schema`: what a source's rows are expected to be, proposed by what came and accepted by somebody. */
export function schemaCommands(root: Command): void {
  const schema = root.command('schema').description('what the rows of a source are expected to be');
  showCommand(schema);
  versionsCommand(schema);
  diffCommand(schema);
  proposeCommand(schema);
  compatCommand(schema);
  acceptCommand(schema);
  editCommand(schema);
}

function showCommand(schema: Command): void {
  schema
    .command('show <source>')
    .description('the schema in force as a file that can be edited')
    .option('--proposal', 'the one that is proposed')
    .option('--of-version <version>', 'an earlier version, such as v3')
    .option('--labels', 'of the labels')
    .action(
      async (
        source: string,
        options: Named & { proposal?: boolean; ofVersion?: string },
        command: Command,
      ) => {
        if (options.proposal && options.ofVersion)
          throw wrong('--proposal', 'a proposal is no version yet; leave one of the two away');
        const answer = options.proposal
          ? await platform().schemas.proposal(source, kindOf(options))
          : await platform().schemas.show(source, { ...kindOf(options), ...versionOf(options.ofVersion) });
        print(command, answer, () => answer.schema_yaml.trimEnd());
      },
    );
}

function versionsCommand(schema: Command): void {
  schema
    .command('versions <source>')
    .description('versions, newest first')
    .option('--labels', 'of the labels')
    .option('--before <version>', 'only versions before this one, such as v12')
    .action(async (source: string, options: Named & { before?: string }, command: Command) => {
      const before = versionOf(options.before).version;
      const versions = await platform().schemas.versions(source, {
        ...kindOf(options),
        ...(before !== undefined && { before }),
      });
      print(command, { versions }, () =>
        listing(
          versions.map(versionLine),
          ['version', 'since', 'by'],
          `no ${nounOf(options)} were verified yet`,
        ),
      );
    });
}

function diffCommand(schema: Command): void {
  schema
    .command('diff <source> [from] [to]')
    .description(
      'what changed from one version to another (v3 v5) or to the one in force, and whether it widens or breaks; without versions: what is proposed',
    )
    .option('--labels', 'of the labels')
    .action(
      async (
        source: string,
        from: string | undefined,
        to: string | undefined,
        options: Named,
        command: Command,
      ) => {
        const [first, last] = [versionOf(from).version, versionOf(to).version];
        const answer =
          first === undefined
            ? (await platform().schemas.proposal(source, kindOf(options))).difference
            : await platform().schemas.diff(source, {
                ...kindOf(options),
                from: first,
                ...(last !== undefined && { to: last }),
              });
        print(command, answer, () => differenceText(answer));
      },
    );
}

function proposeCommand(schema: Command): void {
  schema
    .command('propose <source>')
    .description('propose what all verified rows imply, with what is odd about them')
    .option('--labels', 'of the labels')
    .action(async (source: string, options: Named, command: Command) => {
      const answer = await withProgress(
        () => 'the profiles of all segments are merged',
        () => platform().schemas.propose(source, kindOf(options)),
      );
      print(command, answer, () => proposalText(answer));
    });
}

function compatCommand(schema: Command): void {
  schema
    .command('compat <source>')
    .description('say what accepting a file would change; exits with 1 where it breaks')
    .requiredOption('-f, --file <path>', 'a file of kind Schema')
    .option('--labels', 'of the labels')
    .action(async (source: string, options: Named & { file: string }, command: Command) => {
      const answer = await platform().schemas.check(source, await fileText(options.file), kindOf(options));
      print(command, answer, () => differenceText(answer));
      if (answer.compatibility === 'breaking') process.exitCode = 1;
    });
}

function acceptCommand(schema: Command): void {
  schema
    .command('accept <source>')
    .description('put the proposal in force, or a file; what the file changes is yours and no longer learned')
    .option('-f, --file <path>', 'a file of kind Schema, such as "schema show" prints')
    .option('--proposal <id>', 'refuse where another proposal is open by now')
    .option('--labels', 'of the labels')
    .action(
      async (source: string, options: Named & { file?: string; proposal?: string }, command: Command) => {
        const answer = await platform().schemas.accept(source, {
          ...kindOf(options),
          ...(options.file !== undefined && { schema: await fileText(options.file) }),
          ...(options.proposal !== undefined && { proposalId: options.proposal }),
          by: whoAsks(),
        });
        print(command, answer, () => acceptedText(source, answer));
      },
    );
}

function editCommand(schema: Command): void {
  schema
    .command('edit <source>')
    .description('edit the proposal, or what is in force, in $VISUAL or $EDITOR and accept it')
    .option('--labels', 'of the labels')
    .action(async (source: string, options: Named, command: Command) => {
      const { schemas } = platform();
      const before = await editedOf(source, options);
      const { text, path, remove } = await editText(before.schema_yaml, `${source}.schema.yaml`);
      if (text === before.schema_yaml) {
        await remove();
        print(command, { changed: false }, () => 'nothing was changed');
        return;
      }
      const accepted = schemas.accept(source, { ...kindOf(options), schema: text, by: whoAsks() });
      const answer = await accepted.catch((error: Error) => {
        error.message += ` (what you wrote is in ${path}: mend it, then schema accept ${source} -f ${path})`;
        throw error;
      });
      await remove();
      print(command, answer, () => acceptedText(source, answer));
    });
}

/** `plan` of a document of kind Schema. */
export async function planSchema(text: string, command: Command): Promise<void> {
  const { source, of } = subjectOf(text);
  const answer = await platform().schemas.check(source, text, of);
  print(command, answer, () => differenceText(answer));
}

/** `apply` of a document of kind Schema: applied again it changes nothing. */
export async function applySchema(text: string, command: Command): Promise<void> {
  const { source, of } = subjectOf(text);
  const difference = await platform().schemas.check(source, text, of);
  if (difference.compatibility === 'same') {
    print(command, { difference }, () => differenceText(difference));
    return;
  }
  const answer = await platform().schemas.accept(source, { ...of, schema: text, by: whoAsks() });
  print(command, answer, () => acceptedText(source, answer));
}

/** Of whose rows or labels the document is. Only the address is taken from it here: the platform reads it whole. */
function subjectOf(text: string): { source: string; of: ReturnType<typeof kindOf> } {
  const [, source] = /^source:\s*["']?([^\s"'#]+)/m.exec(text) ?? [];
  if (!source)
    throw invalid('FILE_UNREADABLE', 'source: it is missing; name the source that the schema is of', {
      field: 'source',
    });
  return { source, of: kindOf({ labels: /^of:\s*["']?labels\b/m.test(text) }) };
}

/** The proposal where one is open, else what is in force. */
async function editedOf(source: string, options: Named): Promise<{ schema_yaml: string }> {
  const { schemas } = platform();
  try {
    return await schemas.proposal(source, kindOf(options));
  } catch (error) {
    if ((error as { code?: string }).code !== 'PROPOSAL_NOT_FOUND') throw error;
    return schemas.show(source, kindOf(options));
  }
}

async function fileText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
}

function proposalText({ rows, difference, schema_json, proposal_id }: SchemaProposal): string {
  const notes = notesOf(schema_json);
  const told = notes.length > 0 ? ['', 'What is odd about the rows:', ...notes.map((one) => `- ${one}`)] : [];
  return [
    `proposal ${proposal_id}, of ${rows} verified rows; against what is in force it is ${difference.compatibility}`,
    ...told,
    '',
    differenceText(difference),
  ].join('\n');
}

/** Of the set, then column by column. */
function notesOf(schemaJson: string): string[] {
  const { notes = [], columns } = JSON.parse(schemaJson) as {
    notes?: string[];
    columns: Record<string, { notes?: string[] }>;
  };
  const ofColumns = Object.entries(columns).flatMap(([name, column]) =>
    (column.notes ?? []).map((note) => `${name}: ${note}`),
  );
  return [...notes, ...ofColumns];
}

function acceptedText(
  source: string,
  { version, difference, written }: { version: number; difference: SchemaDifference; written: string[] },
): string {
  const yours = written.length > 0 ? `\nno longer learned: ${written.join(', ')}` : '';
  return `version ${version} of ${source} is in force (${difference.compatibility})${yours}`;
}

function differenceText({ compatibility, changes }: SchemaDifference): string {
  if (compatibility === 'same') return 'nothing changes';
  const lines = changes
    .filter(({ path }) => !path.endsWith('.notes') && path !== 'notes')
    .map(({ path, kind, from_json, to_json }) => ({
      change: path,
      means: kind,
      from: from_json || 'nothing',
      to: to_json || 'nothing',
    }));
  return listing(lines, ['means', 'change', 'from', 'to'], 'only notes change');
}

function versionLine({ version, accepted_at, accepted_by }: SchemaVersion): Record<string, unknown> {
  return { version: `v${version}`, since: accepted_at, by: accepted_by || '(implied by rows)' };
}

function versionOf(text: string | undefined): { version?: number } {
  if (text === undefined) return {};
  const number = /^v?([1-9]\d{0,8})$/.exec(text)?.[1];
  if (number === undefined) throw wrong(text, 'a version is v and a number, such as v3');
  return { version: Number(number) };
}

function wrong(what: string, how: string) {
  return invalid('SCHEMA_VERSION_UNCLEAR', `"${what}": ${how}`, { field: 'version' });
}

function kindOf({ labels }: Named): { kind?: 'labels' } {
  return labels ? { kind: 'labels' } : {};
}

function nounOf({ labels }: Named): string {
  return labels ? 'labels' : 'rows';
}
