import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { invalid } from '@perennial/kernel';
import type { Command } from 'commander';
import { listing, platform, print, unreadable, whoAsks } from '../context.js';

interface Route {
  role: string;
  version: number;
  weight: number;
}

interface Rule {
  header?: string;
  equals?: string;
  tenant?: string;
  caller?: string;
  version: number;
}

interface Deployment {
  epoch: string;
  routes: Route[];
  rules?: Rule[];
  unloaded?: boolean;
}

interface Served {
  name: string;
  kind: string;
  champion: number;
  retired: boolean;
  deployment?: Deployment;
  versions: { version: number; digest: string; registered_at?: string; registered_by?: string }[];
}

/** Below `models`: models that are brought by themselves. */
export function importedModelCommands(models: Command): void {
  models
    .command('import <name> <file>')
    .description(
      'bring an ONNX file, or a graph of models as .json (/docs shows its form), as a new version; the same bytes are the same version',
    )
    .option('--promote', 'let it take the requests at once; the first version of a name does so by itself')
    .option('--no-promote', 'only keep it')
    .action(async (name: string, file: string, options: { promote?: boolean }, command: Command) => {
      const found = await stat(file).catch((cause: unknown) => {
        throw unreadable(file, cause);
      });
      if (!found.isFile()) throw invalid('FILE_UNREADABLE', `${file} is no file`, { field: 'file' });
      const query = options.promote === undefined ? '' : `?promote=${options.promote}`;
      const answer = await platform().call<Imported>('POST', `${path(name)}/versions${query}`, {
        body: createReadStream(file),
        contentType: file.endsWith('.json') ? 'application/json' : 'application/octet-stream',
      });
      print(command, answer, () => importedText(answer));
      if (answer.why_not !== undefined) process.exitCode = 1;
    });

  models
    .command('serve <name>')
    .description("say how an imported model is served: JSON with the names of a system.yaml's serve block")
    .requiredOption('-f, --file <path>', 'the JSON file')
    .action(async (name: string, options: { file: string }, command: Command) => {
      const body = await readFile(options.file, 'utf8').catch((cause: unknown) => {
        throw unreadable(options.file, cause);
      });
      const answer = await platform().call<Changed>('PUT', `${path(name)}/serve`, {
        body,
        contentType: 'application/json',
      });
      print(command, answer, () => `${name} is served so from epoch ${answer.epoch} on`);
    });

  models
    .command('retire <name>')
    .description('take an imported model out of service; its versions and their history stay')
    .action(async (name: string, _options: unknown, command: Command) => {
      const answer = await platform().call<Changed>('DELETE', path(name));
      print(command, answer, () => `${name} serves no more, from epoch ${answer.epoch} on`);
    });
}

/** All models, or the versions of an imported one; undefined for a system, whose versions have a table of their own. */
export async function listServed(name: string | undefined, command: Command): Promise<boolean> {
  if (name === undefined) {
    const answer = await platform().call<{ models?: Served[] }>('GET', '/v1/models');
    print(command, answer, () =>
      listing(
        (answer.models ?? []).map((model) => ({ ...model, serves: servesText(model) })),
        ['name', 'kind', 'serves'],
        'no models yet: perennial models import <name> <file>, or apply a system.yaml',
      ),
    );
    return true;
  }
  const answer = await platform().call<Served>('GET', path(name));
  if (answer.kind !== 'imported') return false;
  print(command, answer, () =>
    listing(
      answer.versions.map((version) => ({
        version: version.version,
        serves: version.version === answer.champion ? 'champion' : '',
        registered: version.registered_at,
        by: version.registered_by,
        digest: version.digest.slice(0, 19),
      })),
      ['version', 'serves', 'registered', 'by', 'digest'],
      `${name} has no version yet`,
    ),
  );
  return true;
}

interface RouteOptions {
  variant?: string[];
  shadow?: string[];
  rule?: string[];
  alone?: boolean;
}

export function routeCommands(root: Command): void {
  root
    .command('routes <name>')
    .description('show who answers the requests of a model, or say it anew; what is not named ends')
    .option('--variant <version=weight...>', 'versions that share the requests, as in 1=70 2=30')
    .option('--shadow <version...>', 'versions that answer beside and are never served')
    .option(
      '--rule <rule...>',
      'whose requests go to one version: header:x-group=beta@2, tenant:acme@2, caller:batch@2',
    )
    .option('--alone', 'the champion alone answers')
    .action(async (name: string, options: RouteOptions, command: Command) => {
      const { variant = [], shadow = [], rule = [], alone } = options;
      const isChange = alone || variant.length + shadow.length + rule.length > 0;
      if (!isChange) {
        const answer = await platform().call<Served>('GET', path(name));
        print(command, answer.deployment ?? {}, () => routesText(answer));
        return;
      }
      if (alone && variant.length + rule.length > 0) {
        throw invalid('ROUTES_INVALID', '--alone excludes --variant and --rule', { field: 'alone' });
      }
      const json = {
        variants: variant.map(readVariant),
        shadows: shadow.map((text) => readVersion(text, 'shadow')),
        rules: rule.map(readRule),
        requested_by: whoAsks(),
      };
      const answer = await platform().call<Changed>('PUT', `${path(name)}/routes`, { json });
      print(command, answer, () =>
        [`${name} is routed so from epoch ${answer.epoch} on`, answer.note].filter(Boolean).join('\n'),
      );
    });

  root
    .command('live <name>')
    .description('say what a model served at a time')
    .option(
      '--at <time|sequence>',
      'a time of the wall clock, or the sequence of an event in the stream MODEL',
    )
    .option('--data-time <time>', 'how far the verified rows reached')
    .action(async (name: string, options: { at?: string; dataTime?: string }, command: Command) => {
      const query = new URLSearchParams();
      if (options.at !== undefined) query.set('at', options.at);
      if (options.dataTime !== undefined) query.set('data-time', options.dataTime);
      const answer = await platform().call<Live>('GET', `/v1/live/${encodeURIComponent(name)}?${query}`);
      print(command, answer, () => liveText(answer));
    });
}

interface Imported {
  name: string;
  version: number;
  created: boolean;
  champion: number;
  served: boolean;
  /** Where it cannot be loaded. */
  why_not?: string;
}

function importedText({ name, version, created, champion, served, why_not: whyNot }: Imported): string {
  const what = created ? `version ${version} of ${name}` : `${name} had these bytes as version ${version}`;
  const who = champion === version ? 'it' : `version ${champion}`;
  if (whyNot !== undefined) return `${what}; ${who} cannot answer: ${whyNot}`;
  if (champion !== version) return `${what}; ${champion ? `${who} answers` : 'nothing answers yet'}`;
  return `${what}; it answers${served ? '' : ' as soon as it is loaded'}`;
}

interface Changed {
  epoch: string;
  note?: string;
}

interface Epoch {
  deployment: Deployment;
  since: string;
  data_time?: string;
  sequence?: string;
}

interface Live {
  name: string;
  live: Epoch;
  next?: Epoch;
}

function liveText({ name, live, next }: Live): string {
  const { deployment, since, data_time: dataTime, sequence } = live;
  const data = dataTime ? `, when the rows had reached ${dataTime}` : '';
  const place = sequence && sequence !== '0' ? `, event ${sequence} of MODEL` : '';
  const until = next
    ? `until ${next.since}${next.data_time ? `, when the rows had reached ${next.data_time}` : ''}`
    : 'and is live still';
  return [
    `${name} served ${routeList(deployment)}`,
    `epoch ${deployment.epoch}, since ${since}${data}${place}; ${until}`,
  ].join('\n');
}

function servesText({ deployment, retired, champion }: Served): string {
  if (retired) return 'nothing: it is retired';
  return deployment && champion ? routeList(deployment) : 'nothing yet';
}

function routesText({ name, deployment }: Served): string {
  if (!deployment) return `${name} serves nothing yet`;
  const rules = (deployment.rules ?? []).map((rule) => `${ruleText(rule)} → version ${rule.version}`);
  return [routeList(deployment), ...rules].join('\n');
}

function routeList({ routes, unloaded }: Deployment): string {
  const list = routes.map(({ role, version, weight }) => {
    const kind = role.replace('ROUTE_ROLE_', '').toLowerCase();
    return `version ${version} as ${kind}${kind === 'shadow' ? '' : ` at ${Math.round(weight * 1_000) / 10} %`}`;
  });
  return `${list.join(', ') || 'nothing'}${unloaded ? '; it is taken out of service' : ''}`;
}

function ruleText({ header, equals, tenant, caller }: Rule): string {
  return [
    header && `header ${header} = ${equals}`,
    tenant && `tenant ${tenant}`,
    caller && `caller ${caller}`,
  ]
    .filter(Boolean)
    .join(' and ');
}

function readVariant(text: string): { version: number; weight: number } {
  const [version = '', weight = '', ...rest] = text.split('=');
  const number = Number(weight);
  if (rest.length === 0 && weight !== '' && Number.isFinite(number)) {
    return { version: readVersion(version, 'variant'), weight: number };
  }
  throw invalid('ROUTES_INVALID', `--variant "${text}" is not understood; write for example 2=30`, {
    field: 'variant',
  });
}

function readVersion(text: string, field: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw invalid('ROUTES_INVALID', `--${field} "${text}" names no version; write its number`, { field });
}

function readRule(text: string): Rule {
  const at = text.lastIndexOf('@');
  const version = readVersion(text.slice(at + 1), 'rule');
  const match = /^(header|tenant|caller):(.+)$/.exec(text.slice(0, at));
  const [kind = '', value = ''] = match?.slice(1) ?? [];
  const equals = value.indexOf('=');
  if (kind === 'header' && equals > 0) {
    return { header: value.slice(0, equals), equals: value.slice(equals + 1), version };
  }
  if (kind === 'tenant') return { tenant: value, version };
  if (kind === 'caller') return { caller: value, version };
  throw invalid(
    'ROUTES_INVALID',
    `--rule "${text}" is not understood; write header:x-group=beta@2, tenant:acme@2 or caller:batch@2`,
    { field: 'rule' },
  );
}

function path(name: string): string {
  return `/v1/models/${encodeURIComponent(name)}`;
}
