import type { Command } from 'commander';
import { listing, platform, print } from '../context.js';

export function producersCommands(root: Command): void {
  const producers = root.command('producers').description('who may publish on the bus');
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
      const answer = await platform().call<{ producers?: Record<string, unknown>[] }>(
        'GET',
        `/v1/producers${options.source ? `?source=${encodeURIComponent(options.source)}` : ''}`,
      );
      print(command, answer, () =>
        listing(
          answer.producers ?? [],
          ['source', 'producer', 'rows', 'last_event_time', 'last_received_at'],
          'no producers yet',
        ),
      );
    });
}
