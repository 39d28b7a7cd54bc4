import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Answer,
  AnswerSchema,
  type Prediction,
  PredictionRowSchema,
  PredictionSchema,
  type Route,
  RouteRole,
} from '@perennial/contracts';
import { gatewayLimits } from './limits.js';

/** A row as it went into the model. */
export interface ShapedRow {
  readonly eventTimeMs: number | undefined;
  readonly key: JsonObject;
  readonly features: JsonObject;
  readonly provided: readonly string[];
}

/** Gathers what the prediction event of one request will say. */
export class Recording {
  readonly message: Prediction;
  readonly #startedAt = performance.now();
  /** Shadow answers on their way; the event waits for them. */
  readonly #open: Promise<unknown>[] = [];

  constructor(head: { predictionId: string; system: string; transport: string; receivedAtMs: number }) {
    this.message = create(PredictionSchema, {
      predictionId: head.predictionId,
      system: head.system,
      deployment: head.system,
      receivedAt: timestampFromMs(head.receivedAtMs),
      transport: head.transport,
    });
  }

  use(deployment: string, epoch: bigint): void {
    this.message.deployment = deployment;
    this.message.epoch = epoch;
  }

  /** Says which rows were asked about; the first ones are kept. */
  rows(rows: readonly ShapedRow[], count = rows.length): void {
    this.message.rowCount = count;
    this.message.rows = rows
      .slice(0, gatewayLimits.recordedRowsMax)
      .map(({ eventTimeMs, key, features, provided }) =>
        create(PredictionRowSchema, {
          ...(eventTimeMs !== undefined && { eventTime: timestampFromMs(eventTimeMs) }),
          key,
          features,
          provided: [...provided],
        }),
      );
  }

  answer(row: number, route: Route, answer: { value?: number; served: boolean; error?: string }): void {
    const init: MessageInitShape<typeof AnswerSchema> = {
      role: route.role,
      version: route.version,
      value: answer.value ?? Number.NaN,
      served: answer.served,
      error: answer.error ?? '',
    };
    this.message.rows[row]?.answers.push(create(AnswerSchema, init) as Answer);
  }

  /** A shadow's answers; whatever becomes of them, the client's answer does not wait. */
  beside(shadow: Route, values: Promise<readonly number[]>): void {
    const role = shadow.role === RouteRole.UNSPECIFIED ? RouteRole.SHADOW : shadow.role;
    const route = { ...shadow, role };
    this.#open.push(
      values.then(
        (all) => {
          this.message.rows.forEach((_, row) => {
            const value = all[row];
            if (value !== undefined) this.answer(row, route, { value, served: false });
          });
        },
        (error: { code?: string }) => {
          this.message.rows.forEach((_, row) => {
            this.answer(row, route, { served: false, error: error.code ?? 'INTERNAL' });
          });
        },
      ),
    );
  }

  /** The client has its answer, or its error. */
  end(status: string): void {
    this.message.status = status;
    this.message.durationMs = performance.now() - this.#startedAt;
  }

  /** Resolves when every shadow has answered or failed; each has a deadline of its own. */
  async complete(): Promise<void> {
    await Promise.all(this.#open);
  }
}
