import { type HistogramCell, PlainHistogram } from './plain-histogram.js';

let made: PlainHistogram | undefined;
const cells = new Map<string, HistogramCell>();

/** How long a call took in seconds, by method (`package.Service/Method`) and gRPC status code. */
export function recordCall(method: string, code: number, seconds: number): void {
  if (!made?.isRead) {
    // Made when first used, and again with the telemetry of the next service of this process.
    cells.clear();
    made = new PlainHistogram('perennial_rpc_server_duration_seconds', {
      description: 'How long calls took, by method and gRPC status code.',
      unit: 's',
      boundaries: [0.001, 0.005, 0.025, 0.1, 0.5, 2, 10],
    });
  }
  const key = `${code} ${method}`;
  let cell = cells.get(key);
  if (!cell) {
    cell = made.cell({ method, code });
    cells.set(key, cell);
  }
  cell.record(seconds);
}
