import { type Protocol, protocols } from './bodies.js';
import { type ModelName, modelNames } from './models.js';

export interface BenchOptions {
  readonly rounds: number;
  /** Of each slot; a third of it more to warm up. */
  readonly slotMs: number;
  readonly protocols: readonly Protocol[];
  readonly models: readonly ModelName[];
  readonly connections: readonly number[];
  readonly rows: readonly number[];
  /** Requests of the memory test. */
  readonly longRequests: number;
  readonly overload: boolean;
  /** Writes docs/performance.md and .svg. */
  readonly write: boolean;
}

const whole: BenchOptions = {
  rounds: 10,
  slotMs: 1_000,
  protocols,
  models: modelNames,
  connections: [1, 16, 64, 256],
  rows: [1, 32],
  longRequests: 200_000,
  overload: true,
  write: true,
};

/** A minute: whether everything works, and the order of magnitude. */
const quick: Partial<BenchOptions> = {
  rounds: 2,
  slotMs: 250,
  models: ['linear'],
  connections: [1, 16],
  longRequests: 5_000,
  write: false,
};

const usage = `npm run bench serving [quick] [long] [rounds=10] [slot-ms=1000] [models=linear,mlp,trees]
  [protocols=http-json,http-binary,grpc-unary,grpc-stream] [connections=1,16,64,256] [rows=1,32] [overload=no] [write=no]
  quick: a minute, nothing written; long: 2,000,000 requests for the memory test
`;

/** The words behind `npm run bench serving`; with or without dashes, since npm keeps those for itself. */
export function optionsOf(words: readonly string[]): BenchOptions {
  let options: BenchOptions = whole;
  for (const word of words) {
    const [name = '', value = ''] = word.replace(/^--/, '').split('=');
    const change = changes[name]?.(value);
    if (!change) throw new Error(`${word} is not known here\n${usage}`);
    options = { ...options, ...change };
  }
  return options;
}

const changes: Readonly<Record<string, (value: string) => Partial<BenchOptions>>> = {
  quick: () => quick,
  long: () => ({ longRequests: 2_000_000 }),
  rounds: (value) => ({ rounds: numberOf(value) }),
  'slot-ms': (value) => ({ slotMs: numberOf(value) }),
  models: (value) => ({ models: chosen(value, modelNames) }),
  protocols: (value) => ({ protocols: chosen(value.replaceAll('-', ' '), protocols) }),
  connections: (value) => ({ connections: value.split(',').map(numberOf) }),
  rows: (value) => ({ rows: value.split(',').map(numberOf) }),
  overload: (value) => ({ overload: value !== 'no' }),
  write: (value) => ({ write: value !== 'no' }),
};

function numberOf(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${text} is no whole number above 0\n${usage}`);
  return value;
}

function chosen<T extends string>(text: string, of: readonly T[]): T[] {
  return text.split(',').map((name) => {
    const found = of.find((one) => one === name);
    if (!found) throw new Error(`${name} is none of ${of.join(', ')}\n${usage}`);
    return found;
  });
}
