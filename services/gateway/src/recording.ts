import type { JsonObject } from '@bufbuild/protobuf';
import { CaptureLevel, type Route, RouteRole } from '@perennial/contracts';
import { predictionJson } from './capture/prediction-json.js';
import type { Inferred } from './inference.js';
import { gatewayLimits } from './limits.js';

/** A row as it went into the model. */
export interface ShapedRow {
  readonly eventTimeMs: number | undefined;
  readonly key: JsonObject;
  readonly features: JsonObject;
  readonly provided: readonly string[];
}

/** What one version said about the rows of a request; a row that it was not asked about has no value. */
export interface Said {
  readonly role: RouteRole;
  readonly version: number;
  readonly values: readonly (number | undefined)[];
  readonly served: boolean;
  /** Set where it failed: then it holds for every row. */
  readonly error: string;
  readonly propensity: number;
}

/**
 * Gathers what the prediction event of one request will say. Plain fields: it is made for every request, and written
 * down as JSON once, when the client has its answer.
 */
export class Recording {
  readonly predictionId: string;
  readonly system: string;
  readonly transport: string;
  readonly receivedAtMs: number;
  /** Name of the API key or token; empty where the platform asks itself. */
  readonly caller: string;
  deployment: string;
  epoch = 0n;
  level = CaptureLevel.FULL;
  /** Whether this one request is kept; those that a deployment's share leaves out are counted. */
  isDrawn = true;
  /** Of a model that was brought by itself. */
  isImported = false;
  /** Whether the spool has a place for its event. */
  isAdmitted = false;
  /** Refused before it was read, for want of room. */
  isShed = false;
  status = '';
  durationMs = 0;
  rowCount = 0;
  rows: readonly ShapedRow[] = [];
  readonly said: Said[] = [];
  /** The version that answered, or was to answer; 0 where none was reached. */
  version = 0;
  /** Where and how the served answer was made. */
  ran: Inferred | undefined;
  isCached = false;
  readonly #startedAt = performance.now();
  /** Shadow answers on their way; the event waits for them. */
  #open: Promise<unknown>[] | undefined;

  constructor(head: {
    predictionId: string;
    system: string;
    transport: string;
    receivedAtMs: number;
    caller: string;
  }) {
    this.predictionId = head.predictionId;
    this.system = head.system;
    this.deployment = head.system;
    this.transport = head.transport;
    this.receivedAtMs = head.receivedAtMs;
    this.caller = head.caller;
  }

  /** Says which rows were asked about; the first ones are kept. */
  keep(rows: readonly ShapedRow[], count = rows.length): void {
    this.rowCount = count;
    const { recordedRowsMax } = gatewayLimits;
    this.rows = rows.length > recordedRowsMax ? rows.slice(0, recordedRowsMax) : rows;
  }

  /** The answer that the client gets. */
  answered(route: Route, values: readonly (number | undefined)[], propensity: number): void {
    const { role, version } = route;
    this.said.push({ role, version, values, served: true, error: '', propensity });
  }

  /** A shadow's answers; whatever becomes of them, the client's answer does not wait. */
  beside(shadow: Route, values: Promise<readonly number[]>): void {
    const role = shadow.role === RouteRole.UNSPECIFIED ? RouteRole.SHADOW : shadow.role;
    const say = (all: readonly number[], error: string) => {
      this.said.push({ role, version: shadow.version, values: all, served: false, error, propensity: 0 });
    };
    this.#open ??= [];
    this.#open.push(
      values.then(
        (all) => say(all, ''),
        ({ code }: { code?: string }) => say([], code ?? 'INTERNAL'),
      ),
    );
  }

  /** The client has its answer, or its error. */
  end(status: string): void {
    this.status = status;
    // Microseconds: what is finer is noise, and would be half of the digits in its event.
    this.durationMs = Math.round((performance.now() - this.#startedAt) * 1_000) / 1_000;
  }

  /** Resolves when every shadow has answered or failed, each has a deadline of its own; undefined where none was asked. */
  get shadows(): Promise<unknown> | undefined {
    return this.#open && Promise.all(this.#open);
  }

  /** As ProtoJSON of a Prediction. */
  body(notCaptured: number): string {
    return predictionJson(this, notCaptured);
  }
}
