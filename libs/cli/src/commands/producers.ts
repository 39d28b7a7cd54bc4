import type { Command } from 'commander';
import { listing, platform, print } from '../context.js';
import { kindText } from './sources.js';

export function producersCommands(root: Command): void {
  const producers = root.command('producers').description('who sends rows, and what each has sent');
  producers
    .command('add <producer>')
    .description('make a producer; prints its NATS credentials, which are told once')
    .requiredOption('--source <name>', 'the source it may publish to')
    .action(async (producer: string, options: { source: string }, command: Command) => {
      const answer = await platform().call<{
        nats_credentials?: string;
        nats_url?: string;
        subjects?: string[];
      }>('POST', '/v1/producers', { json: { source: options.source, producer } });
      print(
        command,
        answer,
        () =>
          `# NATS ${answer.nats_url}; may publish to ${(answer.subjects ?? []).join(', ')}\n${answer.nats_credentials ?? ''}`,
      );
    });
  producers
    .command('list')
    .description('list producers and what they sent')
    .option('--source <name>', 'of one source')
    .action(async (options: { source?: string }, command: Command) => {
      const producers = await platform().sources.producers(options.source);
      const columns = [
        'source',
        'producer',
        'ways',
        'rows',
        'duplicates',
        'refused',
        'late',
        'bytes',
        'last_received_at',
      ];
      print(command, { producers }, () =>
        listing(
          producers.map((one) => ({ ...one, ways: one.ways.join(' ') })),
          columns,
          'no producers yet',
        ),
      );
    });
  deliveriesCommand(producers);
}

function deliveriesCommand(producers: Command): void {
  producers
    .command('deliveries')
    .description('what was sent, by the hour of arrival, newest first')
    .option('--source <name>', 'of one source')
    .option('--producer <name>', 'of one producer')
    .option('--since <time>', 'arrived at this time or later (default: a week ago)')
    .option('--limit <count>', 'at most so many (default: 100)')
    .action(async (options: DeliveriesOptions, command: Command) => {
      const { limit, ...asked } = options;
      const deliveries = await platform().sources.deliveries({
        ...asked,
        ...(limit !== undefined && { limit: Number(limit) }),
      });
      const columns = [
        'hour',
        'source',
        'kind',
        'producer',
        'way',
        'messages',
        'rows',
        'duplicates',
        'refused',
        'late',
        'bytes',
      ];
      print(command, { deliveries }, () =>
        listing(
          deliveries.map((one) => ({ ...one, kind: kindText(one.kind) })),
          columns,
          'nothing was sent',
        ),
      );
    });
}

interface DeliveriesOptions {
  source?: string;
  producer?: string;
  since?: string;
  limit?: string;
}
