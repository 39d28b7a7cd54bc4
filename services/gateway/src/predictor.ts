import type { PlatformError } from '@perennial/kernel';
import { answerRows } from './answer-rows.js';
import { answerTensors } from './answer-tensors.js';
import type { Ask, PredictedRow, PredictedTensors, RowsAsk, TensorsAsk } from './ask.js';
import type { Capture } from './capture/capture.js';
import type { Serving } from './deployments.js';
import { exhausted } from './fleet/replica.js';
import { gatewayLimits } from './limits.js';
import { checkLoaded } from './protocol/models.js';
import type { Recording } from './recording.js';
import { checkRoom, type Means } from './run-model.js';

export type * from './ask.js';

export interface PredictorOptions extends Means {
  readonly capture: Capture;
}

/** Reads what a request asks about; at once where its bytes are there. */
type Read<A, B> = (ask: A) => B | Promise<B>;
type Answer<A, B, T> = (
  means: Means,
  serving: Serving,
  ask: A,
  body: B,
  recording: Recording,
) => T | Promise<T>;

const readRows = (ask: RowsAsk) => ask.rows();
const readTensors = (ask: TensorsAsk) => ask.body();

/** Answers predictions, whatever they came over. Every request of a known system ends in one event or one count. */
export class Predictor {
  readonly #options: PredictorOptions;
  #inHand = 0;

  constructor(options: PredictorOptions) {
    this.#options = options;
  }

  /** @throws PlatformError, recorded under its code */
  async predictRows(ask: RowsAsk): Promise<PredictedRow[]> {
    return this.#recorded(ask, readRows, answerRows);
  }

  /** As predictRows for tensors; one version answers the whole request. */
  async predictTensors(ask: TensorsAsk): Promise<PredictedTensors> {
    return this.tensorsAtOnce(ask);
  }

  /** predictTensors() that answers, or throws, without a promise where nobody else has to be asked. */
  tensorsAtOnce(ask: TensorsAsk): PredictedTensors | Promise<PredictedTensors> {
    return this.#recorded(ask, readTensors, answerTensors);
  }

  /** A request that its caller's limits refused before it was read; it ends in an event or a count too. */
  refused(ask: Omit<Ask, 'deadlineAt'>, thrown: unknown): void {
    const { capture } = this.#options;
    const recording = capture.begin(ask);
    capture.failed(recording, thrown);
    capture.end(recording);
  }

  /** @throws PlatformError QUEUE_EXHAUSTED before anything is read of what nobody has room for */
  #shed(ask: Ask, recording: Recording): void {
    recording.isShed = true;
    if (this.#inHand > gatewayLimits.predictionsInHandMax) throw tooManyInHand();
    // Another version, asked for by its number, may have room.
    if (!('version' in ask) || ask.version === '') checkRoom(this.#options, ask);
    recording.isShed = false;
  }

  /** Settles the recording however the answer ends: at once, or when its promise does. */
  #recorded<A extends Ask, B, T>(ask: A, read: Read<A, B>, answer: Answer<A, B, T>): T | Promise<T> {
    const { capture } = this.#options;
    const recording = capture.begin(ask);
    this.#inHand += 1;
    let answered: T | Promise<T>;
    try {
      capture.checkRoom();
      this.#shed(ask, recording);
      const body = read(ask);
      answered =
        body instanceof Promise
          ? body.then((arrived) => this.#answer(ask, arrived, answer, recording))
          : this.#answer(ask, body, answer, recording);
    } catch (thrown) {
      throw this.#failed(recording, thrown);
    }
    if (!(answered instanceof Promise)) return this.#answered(recording, answered);
    return answered.then(
      (value) => this.#answered(recording, value),
      (thrown: unknown) => {
        throw this.#failed(recording, thrown);
      },
    );
  }

  #answer<A extends Ask, B, T>(
    ask: A,
    body: B,
    answer: Answer<A, B, T>,
    recording: Recording,
  ): T | Promise<T> {
    const { capture, deployments } = this.#options;
    capture.admit(recording);
    const serve = (serving: Serving) => {
      capture.use(recording, serving);
      checkLoaded(serving);
      return answer(this.#options, serving, ask, body, recording);
    };
    const current = deployments.current(ask.system);
    return current ? serve(current) : deployments.find(ask.system, ask.deadlineAt).then(serve);
  }

  #answered<T>(recording: Recording, answered: T): T {
    recording.end('OK');
    this.#inHand -= 1;
    this.#options.capture.end(recording);
    return answered;
  }

  #failed(recording: Recording, thrown: unknown): unknown {
    const { capture } = this.#options;
    capture.failed(recording, thrown);
    this.#inHand -= 1;
    capture.end(recording);
    return thrown;
  }
}

function tooManyInHand(): PlatformError {
  const { predictionsInHandMax } = gatewayLimits;
  return exhausted(`${predictionsInHandMax} predictions are in hand already`, 200);
}
