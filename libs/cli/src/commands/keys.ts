import { formatEventTime, invalid, parseDuration, systemClock } from '@perennial/kernel';
import type { Command } from 'commander';
import { listing, platform, print } from '../context.js';

interface Key {
  key_id: string;
  name: string;
  role: string;
  scope?: { systems: string[]; sources: string[] };
  limits?: {
    requests_per_second: number;
    burst: number;
    rows_per_day: string;
    requests_at_once: number;
  };
  created_at: string;
  created_by: string;
  expires_at: string;
  grace_until?: string;
  revoked_at?: string;
}

interface Changed {
  key: Key;
  enforced: boolean;
  /** There after a key or its secret was made, and never again. */
  secret?: string;
}

interface CreateOptions {
  role: string;
  system?: string[];
  source?: string[];
  expires?: string;
  requestsPerSecond?: string;
  burst?: string;
  rowsPerDay?: string;
  requestsAtOnce?: string;
}

const collect = (value: string, before: string[] = []) => [...before, value];

/** `keys`: who may come in. */
export function keyCommands(root: Command): void {
  const keys = root.command('keys').description('API keys: who may come in, and how much they may');
  createCommand(keys);
  keys
    .command('list')
    .description('all keys, without what opens them')
    .action(async (_options: unknown, command: Command) => {
      const answer = await platform().call<{ keys: Key[] }>('GET', '/v1/keys');
      const columns = ['id', 'name', 'role', 'may touch', 'ends', 'state'];
      print(command, answer, () => listing(answer.keys.map(keyLine), columns, 'there are no API keys yet'));
    });
  keys
    .command('rotate <id>')
    .description('make another secret for a key; the one before stays valid for a while')
    .option('--grace <duration>', 'how long, such as 1h or 7d; 0s ends it at once (default: 1d)')
    .option('--expires <duration>', 'a new end of the key, counted from now, such as 90d')
    .action(async (id: string, options: { grace?: string; expires?: string }, command: Command) => {
      const answer = await platform().call<Changed>('POST', `${pathOf(id)}/rotate`, {
        json: { ...graceOf(options.grace), ...endOf(options.expires) },
      });
      const grace = answer.key.grace_until
        ? `the one before opens it until ${answer.key.grace_until}`
        : 'the one before opens nothing any more';
      print(command, answer, () => `${secretText(answer)}\n${grace}`);
    });
  keys
    .command('revoke <id>')
    .description('end a key for good')
    .action(async (id: string, _options: unknown, command: Command) => {
      const answer = await platform().call<Changed>('DELETE', pathOf(id));
      print(command, answer, () => `${answer.key.name} (${id}) opens nothing any more`);
    });
}

function createCommand(keys: Command): void {
  keys
    .command('create <name>')
    .description('make a key; its secret is shown once')
    .requiredOption('--role <role>', 'viewer, client, operator, approver, auditor or admin')
    .option('--system <name>', 'a system or model that it may touch; repeatable', collect)
    .option('--source <name>', 'a source that it may touch; repeatable', collect)
    .option('--expires <duration>', 'when it ends, such as 30d, at most 360d (default: 90d)')
    .option('--requests-per-second <number>', 'no more requests at one gateway')
    .option('--burst <number>', 'requests that may come at once after a pause')
    .option('--rows-per-day <number>', 'no more rows at one gateway, in a day of UTC')
    .option('--requests-at-once <number>', 'no more requests in work at one gateway')
    .action(async (name: string, options: CreateOptions, command: Command) => {
      const { role, system, source, expires } = options;
      const scope = system || source ? { systems: system ?? [], sources: source ?? [] } : undefined;
      const answer = await platform().call<Changed>('POST', '/v1/keys', {
        json: { name, role, ...(scope && { scope }), limits: limitsOf(options), ...endOf(expires) },
      });
      print(command, answer, () => secretText(answer));
    });
}

function limitsOf(options: CreateOptions): Record<string, number> {
  const { requestsPerSecond, burst, rowsPerDay, requestsAtOnce } = options;
  const given = Object.entries({
    requests_per_second: requestsPerSecond,
    burst,
    rows_per_day: rowsPerDay,
    requests_at_once: requestsAtOnce,
  });
  return Object.fromEntries(
    given.flatMap(([name, text]) => (text === undefined ? [] : [[name, numberOf(name, text)]])),
  );
}

function numberOf(field: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && Number.isFinite(value)) return value;
  throw invalid('API_KEY_INVALID', `${field} must be a number of 0 or more, got "${text}"`, { field });
}

function endOf(duration: string | undefined): { expires_at?: string } {
  if (duration === undefined) return {};
  return { expires_at: formatEventTime(systemClock.now() + parseDuration(duration, 'expires')) };
}

function graceOf(duration: string | undefined): { grace_seconds?: number } {
  if (duration === undefined) return {};
  return { grace_seconds: Math.ceil(parseDuration(duration, 'grace') / 1_000) };
}

function secretText({ key, secret = '', enforced }: Changed): string {
  const late = enforced ? '' : '\nthe gateway has not heard of it yet: it works in a moment';
  return `${secret}\nthis secret of ${key.name} (${key.key_id}) is shown once and kept nowhere; it ends ${key.expires_at}${late}`;
}

function keyLine(key: Key): Record<string, unknown> {
  const { scope, limits } = key;
  const bounds = [
    limits?.requests_per_second ? `${limits.requests_per_second}/s` : '',
    limits && limits.rows_per_day !== '0' ? `${limits.rows_per_day} rows/day` : '',
    limits?.requests_at_once ? `${limits.requests_at_once} at once` : '',
  ].filter((text) => text !== '');
  const things = scope ? [...scope.systems, ...scope.sources].join(', ') || 'nothing' : 'everything';
  return {
    id: key.key_id,
    name: key.name,
    role: key.role,
    'may touch': bounds.length > 0 ? `${things} (${bounds.join(', ')})` : things,
    ends: key.expires_at,
    state: stateOf(key),
  };
}

function stateOf({ revoked_at: revokedAt, grace_until: graceUntil, expires_at: expiresAt }: Key): string {
  if (revokedAt) return 'revoked';
  if (Date.parse(expiresAt) <= systemClock.now()) return 'ended';
  return graceUntil && Date.parse(graceUntil) > systemClock.now() ? 'valid, with two secrets' : 'valid';
}

function pathOf(id: string): string {
  return `/v1/keys/${encodeURIComponent(id)}`;
}
