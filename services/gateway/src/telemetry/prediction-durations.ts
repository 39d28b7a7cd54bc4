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
  /** Whom the last request was counted for: the next one is mostly like it. */
  #last: (Pick<Recording, 'system' | 'transport' | 'status'> & { cell: HistogramCell }) | undefined;

  record({ system, transport, status, durationMs }: Recording): void {
    let last = this.#last;
    if (last?.system !== system || last.transport !== transport || last.status !== status) {
      last = { system, transport, status, cell: this.#cell(system, transport, status) };
      this.#last = last;
    }
    last.cell.record(durationMs / 1_000);
  }

  #cell(system: string, transport: string, status: string): HistogramCell {
    const key = `${system} ${transport} ${status}`;
    const cell = this.#cells.get(key) ?? this.#histogram.cell({ system, transport, status });
    this.#cells.set(key, cell);
    return cell;
  }
}
