import { invalid } from '@perennial/kernel';

export interface StartArguments {
  readonly command: 'start';
  readonly httpPort: number;
  readonly replicas: number;
  readonly verbose: boolean;
}

export interface DemoArguments {
  readonly command: 'demo';
  readonly example: string;
  /** End with the story instead of staying up. */
  readonly exit: boolean;
  readonly httpPort: number;
  readonly replicas: number;
  readonly verbose: boolean;
}

export interface HelpArguments {
  readonly command: 'help';
}

/** Where clients look by default; gRPC has the next port. */
const httpPortDefault = 8080;

export const usage = `npm start [-- OPTIONS]          the platform alone; its data stays in .perennial/data
npm run demo [-- NAME OPTIONS]  a story on real data, begun anew each time in .perennial/demo
                                NAME: seattle-temperature (default) or late-flights
  --port N     port for HTTP, 8080 by default; gRPC has the next one
  --replicas N how many processes run models, 1 by default
  --verbose    show the logs of all processes
  --exit       (demo) end when the story has ended; the exit code says whether it came out as it must`;

/**
 * Reads the words after the program's name.
 *
 * @throws PlatformError ARGUMENT_UNKNOWN or ARGUMENT_INVALID, naming the word and what may stand there
 */
export function parseArguments(
  words: readonly string[],
  examples: readonly string[],
): StartArguments | DemoArguments | HelpArguments {
  const [command, ...rest] = words;
  if (rest.includes('--help') || command === '--help' || command === 'help') return { command: 'help' };
  if (command !== 'start' && command !== 'demo') throw unknown(command ?? '(nothing)', 'start or demo');
  let example: string | undefined;
  let httpPort = httpPortDefault;
  let replicas = 1;
  let verbose = false;
  let exit = false;
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index] as string;
    if (word === '--verbose') verbose = true;
    else if (word === '--exit' && command === 'demo') exit = true;
    else if (word === '--port') httpPort = port(rest[++index]);
    else if (word.startsWith('--port=')) httpPort = port(word.slice('--port='.length));
    else if (word === '--replicas') replicas = count(rest[++index]);
    else if (word.startsWith('--replicas=')) replicas = count(word.slice('--replicas='.length));
    else if (command === 'demo' && example === undefined && examples.includes(word)) example = word;
    else throw unknown(word, expected(command, examples));
  }
  if (command === 'start') return { command, httpPort, replicas, verbose };
  return { command, example: example ?? 'seattle-temperature', exit, httpPort, replicas, verbose };
}

function expected(command: 'start' | 'demo', examples: readonly string[]): string {
  const common = '--port N, --replicas N, --verbose';
  return command === 'start' ? common : `${examples.join(', ')}, --exit, ${common}`;
}

function port(text: string | undefined): number {
  const value = Number(text);
  // The next one is gRPC's.
  if (Number.isInteger(value) && value >= 1 && value <= 65_534) return value;
  throw invalid('ARGUMENT_INVALID', `--port: ${text ?? 'nothing'} is no port; write for example --port 9080`);
}

/** Each takes some 80 MiB and a core when it is busy. */
const replicasMax = 32;

function count(text: string | undefined): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= replicasMax) return value;
  throw invalid(
    'ARGUMENT_INVALID',
    `--replicas: ${text ?? 'nothing'} is no number from 1 to ${replicasMax}; write for example --replicas 2`,
  );
}

function unknown(word: string, choices: string) {
  return invalid('ARGUMENT_UNKNOWN', `unknown argument ${word}; there are ${choices}`);
}
