import type { Command } from 'commander';
import { listing, platform, print, text } from '../context.js';

interface ServiceStatus {
  service: string;
  ready: boolean;
  backlog?: number;
  dead_letters?: number;
  detail?: string;
}

export function operationsCommands(root: Command): void {
  root
    .command('status')
    .description('is everything up, and does anything wait')
    .action(async (_options: unknown, command: Command) => {
      const answer = await platform().call<{ services?: ServiceStatus[] }>('GET', '/v1/status');
      print(command, answer, () =>
        listing(
          (answer.services ?? []) as unknown as Record<string, unknown>[],
          ['service', 'ready', 'backlog', 'dead_letters', 'detail'],
          'no services',
        ),
      );
    });

  root
    .command('events')
    .description('the events of the platform')
    .option('--follow', 'go on with new ones until Ctrl-C', false)
    .option('--limit <count>', 'how many of the last ones', '50')
    .action(async (options: { follow: boolean; limit: string }, command: Command) => {
      const asJson = command.optsWithGlobals()['json'] === true;
      if (options.follow) return follow(asJson);
      const answer = await platform().call<{ events?: Record<string, unknown>[] }>(
        'GET',
        `/v1/audit/events?limit=${encodeURIComponent(options.limit)}`,
      );
      print(command, answer, () =>
        listing(
          (answer.events ?? []).map((event) => ({ ...event, about: lastToken(event['subject']) })),
          ['index', 'occurred_at', 'event_type', 'about', 'event_id'],
          'no events yet',
        ),
      );
    });

  const letters = root.command('dead-letters').description('messages that nobody could handle');
  letters
    .command('list', { isDefault: true })
    .description('list parked messages')
    .action(async (_options: unknown, command: Command) => {
      const answer = await platform().call<{ dead_letters?: Record<string, unknown>[] }>(
        'GET',
        '/v1/dead-letters',
      );
      print(command, answer, () =>
        listing(
          answer.dead_letters ?? [],
          ['service', 'dead_letter_id', 'event_type', 'code', 'reason', 'status'],
          'no dead letters',
        ),
      );
    });
  for (const decision of ['requeue', 'discard'] as const) {
    letters
      .command(`${decision} <service> <id>`)
      .description(decision === 'requeue' ? 'handle a parked message again' : 'give a parked message up')
      .requiredOption('--reason <text>', 'why, for the audit trail')
      .action(async (service: string, id: string, options: { reason: string }, command: Command) => {
        const answer = await platform().call(
          'POST',
          `/v1/dead-letters/${encodeURIComponent(service)}/${encodeURIComponent(id)}`,
          {
            json: { decision, reason: options.reason },
          },
        );
        print(command, answer, () => `${id}: ${decision === 'requeue' ? 'requeued' : 'discarded'}`);
      });
  }
}

/** What an event is about: the id at the end of its subject on the bus. */
function lastToken(subject: unknown): string {
  return text(subject).split('.').at(-1) ?? '';
}

async function follow(asJson: boolean): Promise<void> {
  const stop = new AbortController();
  if (process.stderr.isTTY) process.stderr.write('new events are shown as they come; Ctrl-C ends this\n');
  process.once('SIGINT', () => stop.abort());
  try {
    for await (const event of platform().events({ follow: true, signal: stop.signal })) {
      process.stdout.write(
        asJson
          ? `${JSON.stringify(event)}\n`
          : `${text(event['time'])}  ${text(event['type'])}  ${text(event['subject'])}\n`,
      );
    }
  } catch (thrown) {
    if (!stop.signal.aborted) throw thrown;
  }
}
