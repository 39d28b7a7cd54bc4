import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { anomaliesCommand } from './commands/anomalies.js';
import { auditCommands } from './commands/audit.js';
import { datasetCommands } from './commands/datasets.js';
import { featureCommands } from './commands/features.js';
import { housekeepingCommands } from './commands/housekeeping.js';
import { keyCommands } from './commands/keys.js';
import { modelCommands } from './commands/models.js';
import { operationsCommands } from './commands/operations.js';
import { predictCommand } from './commands/predict.js';
import { producersCommands } from './commands/producers.js';
import { profileCommand } from './commands/profile.js';
import { quarantineCommands } from './commands/quarantine.js';
import { rowsCommands } from './commands/rows.js';
import { schemaCommands } from './commands/schemas.js';
import { routeCommands } from './commands/served-models.js';
import { sourcesCommands } from './commands/sources.js';
import { systemCommands } from './commands/systems.js';

/** The whole command line, as data; nothing runs until it is parsed. */
export function program(): Command {
  const root = new Command('perennial')
    .description('Keeps machine-learning models good after they are deployed.')
    .version(version(), '--version', 'print the version')
    .option('--json', 'print the answer as JSON')
    .showHelpAfterError('(perennial --help lists the commands)')
    .showSuggestionAfterError();
  systemCommands(root);
  sourcesCommands(root);
  rowsCommands(root);
  quarantineCommands(root);
  anomaliesCommand(root);
  schemaCommands(root);
  profileCommand(root);
  datasetCommands(root);
  featureCommands(root);
  housekeepingCommands(root);
  producersCommands(root);
  predictCommand(root);
  modelCommands(root);
  routeCommands(root);
  keyCommands(root);
  auditCommands(root);
  operationsCommands(root);
  for (const command of everyCommand(root)) {
    const isAnswered = command.commands.length === 0 || command.registeredArguments.length > 0;
    if (command !== root && isAnswered) command.option('--json', 'print the answer as JSON');
  }
  return root;
}

function version(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}
