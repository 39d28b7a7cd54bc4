import { withstands } from '@perennial/testkit';
import { expect, it } from 'vitest';
import { parseArrivalSubject, parseEventSubject, readPlainPredictions, readPredictions } from '../src/mod.js';

const prediction =
  '{"predictions":[{"predictionId":"0198c0de-0000-7000-8000-000000000000","system":"late","version":3,' +
  '"at":"2026-11-25T08:00:00Z","features":{"temp":1.5,"city":"SEA"},"prediction":0.25}]}';

it('a message of predictions is read, or counted as malformed, and never stops who reads it', async () => {
  const seen = await withstands(
    [prediction],
    (bytes) => {
      const plain = readPlainPredictions(bytes);
      const whole = readPredictions(bytes);
      expect(plain.predictions.length).toBe(whole.predictions.length);
      expect(plain.malformed).toBe(whole.malformed);
    },
    { count: 6000 },
  );
  expect(seen.refused).toBe(0);
});

it('a subject is one of ours or none', async () => {
  const seeds = ['evt.default.model.trained.late-flights', 'in.default.weather.rows.station-3'];
  const seen = await withstands(seeds, (bytes) => {
    const subject = Buffer.from(bytes).toString();
    return [parseEventSubject(subject), parseArrivalSubject(subject)];
  });
  expect(seen.refused).toBe(0);
});
