import { isName } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import type { Command } from 'commander';
import { listing, platform, print, whoAsks } from '../context.js';
import { importedModelCommands, listServed } from './served-models.js';

interface Model {
  system: string;
  version: number;
  digest: string;
  aliases?: string[];
  registered_at?: string;
  evaluation?: {
    metric?: string;
    candidate?: { value?: number };
    champion?: { value?: number };
    holdout_rows?: number;
  };
}

export function modelCommands(root: Command): void {
  const models = root
    .command('models [name]')
    .description('list all models, or the versions of one')
    .action(async (system: string | undefined, _options: unknown, command: Command) => {
      if ((await listServed(system, command)) || system === undefined) return;
      const answer = await platform().call<{ models?: Model[] }>('GET', `${path(system)}/models`);
      print(command, answer, () =>
        listing(
          (answer.models ?? []).map(modelRow),
          ['version', 'aliases', 'metric', 'value', 'champion then', 'registered', 'digest'],
          `${system} has no model yet`,
        ),
      );
    });

  importedModelCommands(models);

  root
    .command('model')
    .description('look at one version')
    .command('show <reference>')
    .description('show a version, for example seattle-temperature@champion or seattle-temperature@3')
    .action(async (reference: string, _options: unknown, command: Command) => {
      const { system, version } = splitReference(reference, { otherwise: 'champion' });
      const answer = await platform().call<Record<string, unknown>>(
        'GET',
        `${path(system)}/models/${encodeURIComponent(version)}`,
      );
      const manifest =
        typeof answer['manifest_json'] === 'string' ? JSON.parse(answer['manifest_json']) : undefined;
      print(
        command,
        { ...answer, manifest_json: undefined, manifest },
        () =>
          `${JSON.stringify({ ...(answer['model'] as object), manifest: withoutBulk(manifest) }, undefined, 2)}\n--json also has the golden requests and what every feature looked like in training`,
      );
    });
  moveCommands(root);
  rolloutCommands(root);
  shadowCommands(root);
}

/** The manifest without what runs over a screen: the golden requests and the quantiles of all features. */
function withoutBulk(manifest: Record<string, unknown> | undefined): object | undefined {
  if (manifest === undefined) return undefined;
  const { golden: _golden, reference: _reference, ...rest } = manifest;
  return rest;
}

function moveCommands(root: Command): void {
  root
    .command('rollback <system>')
    .description(
      'put the previous champion of a system or an imported model back; nothing is promoted by itself until a new review or resume',
    )
    .option('--reason <text>', 'why, for the audit trail', 'asked for by an operator')
    .action(async (system: string, options: { reason: string }, command: Command) => {
      const answer = await platform().call<Move>('POST', `${path(system)}/rollback`, {
        json: { reason: options.reason, requested_by: whoAsks() },
      });
      print(command, answer, () => moveText(system, answer));
    });

  root
    .command('promote <reference>')
    .description('make a version the champion, for example seattle-temperature@4')
    .option('--reason <text>', 'why, for the audit trail', 'asked for by an operator')
    .action(async (reference: string, options: { reason: string }, command: Command) => {
      const { system, version } = splitReference(reference);
      const answer = await platform().call<Move>('POST', `${path(system)}/promote`, {
        json: { reference: version, reason: options.reason, requested_by: whoAsks() },
      });
      print(command, answer, () => moveText(system, answer));
    });
}

function rolloutCommands(root: Command): void {
  root
    .command('resume <system>')
    .description('let promotions go on after a rollback')
    .action(async (system: string, _options: unknown, command: Command) => {
      const answer = await platform().call('POST', `${path(system)}/resume`, {
        json: { requested_by: whoAsks() },
      });
      print(command, answer, () => `${system} promotes by itself again`);
    });

  root
    .command('retrain <system>')
    .description('start a rollout by hand: train, evaluate, test, deploy')
    .option('--reason <text>', 'why, for the audit trail', 'asked for by an operator')
    .action(async (system: string, options: { reason: string }, command: Command) => {
      const answer = await platform().call<{ rollout_id?: string }>('POST', `${path(system)}/retrain`, {
        json: { reason: options.reason, requested_by: whoAsks() },
      });
      print(command, answer, () => `rollout ${answer.rollout_id} began`);
    });

  root
    .command('cancel <system>')
    .description('end the rollout in flight; the champion stays, and a result that comes late moves nothing')
    .option('--reason <text>', 'why, for the audit trail', 'asked for by an operator')
    .action(async (system: string, options: { reason: string }, command: Command) => {
      const answer = await platform().call<{ rollout_id?: string }>('DELETE', `${path(system)}/rollout`, {
        json: { reason: options.reason, requested_by: whoAsks() },
      });
      print(command, answer, () => `rollout ${answer.rollout_id} of ${system} is cancelled`);
    });
}

function shadowCommands(root: Command): void {
  const shadow = root
    .command('shadow')
    .description('versions that answer beside the champion and are never served');
  shadow
    .command('compare <system>')
    .description(
      'say how the answers of shadows differ from those that were served, on the newest 10,000 rows',
    )
    .action(async (system: string, _options: unknown, command: Command) => {
      const answer = await platform().call<{ shadows?: Compared[] }>(
        'GET',
        `/v1/models/${encodeURIComponent(system)}/shadows`,
      );
      print(command, answer, () =>
        listing(
          (answer.shadows ?? []).map((one) => ({
            ...one,
            'mean difference': round(one.mean_difference),
            'largest difference': round(one.largest_difference),
            'error of served': one.labelled > 0 ? round(one.served_error) : undefined,
            'error of version': one.labelled > 0 ? round(one.version_error) : undefined,
          })),
          [
            'served',
            'version',
            'rows',
            'mean difference',
            'largest difference',
            'labelled',
            'error of served',
            'error of version',
          ],
          `nothing answered beside what ${system} served`,
        ),
      );
    });
  for (const [verb, method] of [
    ['add', 'POST'],
    ['remove', 'DELETE'],
  ] as const) {
    shadow
      .command(`${verb} <reference>`)
      .description(`${verb} a standing shadow, for example seattle-temperature@1`)
      .action(async (reference: string, _options: unknown, command: Command) => {
        const { system, version } = splitReference(reference);
        const answer = await platform().call(method, `${path(system)}/shadows`, {
          json: { reference: version, requested_by: whoAsks() },
        });
        print(command, answer, () => `${reference}: shadow ${verb === 'add' ? 'added' : 'removed'}`);
      });
  }
}

interface Compared {
  served: number;
  version: number;
  rows: number;
  mean_difference: number;
  largest_difference: number;
  labelled: number;
  served_error: number;
  version_error: number;
}

interface Move {
  from_version?: number;
  to_version?: number;
  epoch?: string;
  /** False where the gateway still loads what it will serve. */
  served?: boolean;
}

function moveText(system: string, move: Move): string {
  if (move.to_version !== undefined && move.from_version === move.to_version)
    return `${system}: version ${move.to_version} is the champion already`;
  const served = move.served === false ? '; it is served as soon as it is loaded' : '';
  return `${system}: champion moved from version ${move.from_version ?? 0} to ${move.to_version ?? 0} (epoch ${move.epoch ?? 0})${served}`;
}

function modelRow(model: Model): Record<string, unknown> {
  return {
    version: model.version,
    aliases: (model.aliases ?? []).join(', '),
    metric: model.evaluation?.metric,
    value: round(model.evaluation?.candidate?.value),
    'champion then': round(model.evaluation?.champion?.value),
    registered: model.registered_at,
    digest: model.digest.slice(0, 19),
  };
}

function round(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value * 1000) / 1000;
}

function path(system: string): string {
  return `/v1/systems/${encodeURIComponent(system)}`;
}

/**
 * `name@3` or `name@champion`. Without `@` the champion is meant, where a version need not be chosen.
 *
 * @throws PlatformError REFERENCE_INVALID
 */
export function splitReference(
  reference: string,
  { otherwise }: { otherwise?: string } = {},
): { system: string; version: string } {
  const [system, version = otherwise, ...rest] = reference.split('@');
  if (system && version && rest.length === 0 && isName(system) && /^[a-z0-9_-]+$/.test(version))
    return { system, version };
  throw invalid('REFERENCE_INVALID', `"${reference}" is no model reference; write name@3 or name@champion`, {
    field: 'reference',
  });
}
