import type { Command } from 'commander';
import { listing, platform, print, text } from '../context.js';
import { withProgress } from '../progress.js';

interface Step {
  text?: string;
  event_type?: string;
  occurred_at?: string;
  depth?: number;
}

interface Verified {
  verified?: boolean;
  entries?: string;
  root_base64?: string;
  checkpoint?: string;
  problems?: string[];
}

export function auditCommands(root: Command): void {
  root
    .command('why <subject...>')
    .description('tell the causal chain, for example: why model seattle-temperature@champion')
    .action(async (subject: string[], _options: unknown, command: Command) => {
      const answer = await platform().call<{ subject?: string; steps?: Step[] }>(
        'GET',
        `/v1/why?${new URLSearchParams({ subject: subject.join(' ') })}`,
      );
      print(command, answer, () =>
        [
          answer.subject ?? subject.join(' '),
          ...(answer.steps ?? []).map(
            (step) =>
              `${'  '.repeat((step.depth ?? 0) + 1)}${step.text} (${step.event_type}, ${step.occurred_at})`,
          ),
        ].join('\n'),
      );
    });

  root
    .command('lineage <subject...>')
    .description('what a thing was made of, for example: lineage model seattle-temperature@3')
    .action(async (subject: string[], _options: unknown, command: Command) => {
      const answer = await platform().call<{
        nodes?: Record<string, unknown>[];
        edges?: Record<string, unknown>[];
      }>('GET', `/v1/lineage?${new URLSearchParams({ subject: subject.join(' ') })}`);
      print(command, answer, () =>
        [
          listing((answer.nodes ?? []).map(nodeRow), ['kind', 'name', 'digest', 'id'], 'nothing known'),
          '',
          listing(answer.edges ?? [], ['from', 'relation', 'to'], ''),
        ].join('\n'),
      );
    });
  logCommands(root);
}

/** As much of a digest as tells two things apart; `--json` has it whole. */
function nodeRow(node: Record<string, unknown>): Record<string, unknown> {
  return { ...node, digest: text(node['digest']).slice(0, 19) };
}

function logCommands(root: Command): void {
  const audit = root.command('audit').description('the tamper-evident log');
  audit
    .command('verify')
    .description('recompute the whole tree and compare it with the signed checkpoint')
    .action(async (_options: unknown, command: Command) => {
      const answer = await withProgress(
        () => 'the tree is recomputed',
        () => platform().call<Verified>('GET', '/v1/audit/verify'),
      );
      print(command, answer, () =>
        answer.verified
          ? `verified: ${answer.entries} entries, root ${answer.root_base64}\n\n${answer.checkpoint ?? ''}`.trimEnd()
          : `NOT verified:\n${(answer.problems ?? []).map((problem) => `  ${problem}`).join('\n')}`,
      );
      if (!answer.verified) process.exitCode = 1;
    });
  audit
    .command('checkpoint')
    .description('the signed checkpoint of the log and the key to check it with')
    .action(async (_options: unknown, command: Command) => {
      const answer = await platform().call<{ checkpoint?: string; verifier_key?: string }>(
        'GET',
        '/v1/audit/checkpoint',
      );
      print(command, answer, () => `${answer.checkpoint ?? ''}\n${answer.verifier_key ?? ''}`);
    });
  audit
    .command('proof <event-id>')
    .description('a proof that an event is in the log, verifiable offline')
    .action(async (eventId: string, _options: unknown, command: Command) => {
      const answer = await platform().call<{ proof?: string; entry_json?: string }>(
        'GET',
        `/v1/audit/proof/${encodeURIComponent(eventId)}`,
      );
      print(command, answer, () => `${answer.proof ?? ''}\n${answer.entry_json ?? ''}`);
    });
}
