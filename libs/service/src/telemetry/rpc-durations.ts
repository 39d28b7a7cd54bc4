import { type HistogramCell, PlainHistogram } from './plain-histogram.js';

let made: PlainHistogram | undefined;
const cells = new Map<string, HistogramCell>();

/** How long the calls of one method took, `package.Service/Method`. */
export class CallDurations {
  readonly method: string;
  #ok: { readonly of: PlainHistogram; readonly cell: HistogramCell } | undefined;

  constructor(method: string) {
    this.method = method;
  }

  /** With the call's gRPC status code, and seconds. */
  record(code: number, seconds: number): void {
    if (code === 0 && this.#ok?.of.isRead) this.#ok.cell.record(seconds);
    else this.#find(code).record(seconds);
  }

  #find(code: number): HistogramCell {
    const of = histogram();
    const key = `${code} ${this.method}`;
    let cell = cells.get(key);
    if (!cell) {
      cell = of.cell({ method: this.method, code });
      cells.set(key, cell);
    }
    if (code === 0) this.#ok = { of, cell };
    return cell;
  }
}

/** One for all methods, made when first used, and again with the telemetry of the next service of this process. */
function histogram(): PlainHistogram {
  if (made?.isRead) return made;
  cells.clear();
  made = new PlainHistogram('perennial_rpc_server_duration_seconds', {
    description: 'How long calls took, by method and gRPC status code.',
    unit: 's',
    boundaries: [0.001, 0.005, 0.025, 0.1, 0.5, 2, 10],
  });
  return made;
}
