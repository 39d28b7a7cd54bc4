import { expect, test } from 'vitest';
import { parseArguments } from '../src/arguments.js';

const examples = ['late-flights', 'seattle-temperature'];

test('the demo tells the seasons story unless another is named', () => {
  expect(parseArguments(['demo'], examples)).toEqual({
    command: 'demo',
    example: 'seattle-temperature',
    exit: false,
    httpPort: 8080,
    verbose: false,
  });
  expect(parseArguments(['demo', 'late-flights', '--exit', '--port', '9080'], examples)).toMatchObject({
    example: 'late-flights',
    exit: true,
    httpPort: 9080,
  });
});

test.each([
  [['start', '--exit'], /unknown argument --exit; there are --port N, --verbose/],
  [['demo', 'tides'], /unknown argument tides; there are late-flights, seattle-temperature/],
  [['demo', 'late-flights', 'seattle-temperature'], /unknown argument seattle-temperature/],
  [['strat'], /unknown argument strat; there are start or demo/],
  [['start', '--port', 'http'], /--port: http is no port/],
  [['start', '--port'], /--port: nothing is no port/],
])('%j is refused by name', (words, message) => {
  expect(() => parseArguments(words, examples)).toThrow(message);
});
