import { type HistogramCell, PlainHistogram } from '@perennial/service';
import type { Recording } from '../recording.js';

/** How long predictions took, by system, transport and status. */
export class PredictionDurations {
  readonly #histogram = new PlainHistogram('perennial_gateway_prediction_duration_seconds', {
    description: 'How long predictions took, by system, transport and status.',
    unit: 's',
    boundaries: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2, 10],
  });
  readonly #cells = new Map<string, HistogramCell>();

  record({ system, transport, status, durationMs }: Recording): void {
    const key = `${system} ${transport} ${status}`;
    let cell = this.#cells.get(key);
    if (!cell) {
      cell = this.#histogram.cell({ system, transport, status });
      this.#cells.set(key, cell);
    }
    cell.record(durationMs / 1_000);
  }
}
