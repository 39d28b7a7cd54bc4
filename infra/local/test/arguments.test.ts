import { expect, test } from 'vitest';
import { parseArguments } from '../src/arguments.js';

const examples = ['late-flights', 'seattle-temperature'];

test('the demo tells the seasons story unless another is named', () => {
  expect(parseArguments(['demo'], examples)).toEqual({
    command: 'demo',
    example: 'seattle-temperature',
    exit: false,
    httpPort: 8080,
    replicas: 1,
    verbose: false,
  });
  expect(parseArguments(['demo', 'late-flights', '--exit', '--port', '9080'], examples)).toMatchObject({
    example: 'late-flights',
    exit: true,
    httpPort: 9080,
  });
});

test('several replicas of inference are started where that is asked for', () => {
  expect(parseArguments(['start', '--replicas', '3'], examples)).toMatchObject({ replicas: 3 });
  expect(parseArguments(['demo', '--replicas=2'], examples)).toMatchObject({ replicas: 2 });
});

test.each([
  [['start', '--exit'], /unknown argument --exit; there are --port N, --replicas N, --verbose/],
  [['demo', 'tides'], /unknown argument tides; there are late-flights, seattle-temperature/],
  [['demo', 'late-flights', 'seattle-temperature'], /unknown argument seattle-temperature/],
  [['strat'], /unknown argument strat; there are start or demo/],
  [['start', '--port', 'http'], /--port: http is no port/],
  [['start', '--replicas', '0'], /--replicas: 0 is no number from 1 to 32/],
  [['start', '--replicas'], /--replicas: nothing is no number/],
  [['start', '--port'], /--port: nothing is no port/],
])('%j is refused by name', (words, message) => {
  expect(() => parseArguments(words, examples)).toThrow(message);
});
