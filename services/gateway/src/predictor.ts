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

/** Answers predictions, whatever they came over. Every request of a known system ends in one event or one count. */
export class Predictor {
  readonly #options: PredictorOptions;
  #inHand = 0;

  constructor(options: PredictorOptions) {
    this.#options = options;
  }

  /** @throws PlatformError, recorded under its code */
  predictRows(ask: RowsAsk): Promise<PredictedRow[]> {
    return this.#recorded(ask, ask.rows, answerRows);
  }

  /** As predictRows for tensors; one version answers the whole request. */
  predictTensors(ask: TensorsAsk): Promise<PredictedTensors> {
    return this.#recorded(ask, ask.body, answerTensors);
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

  async #recorded<A extends Ask, B, T>(
    ask: A,
    read: () => Promise<B>,
    answer: (means: Means, serving: Serving, ask: A, body: B, recording: Recording) => Promise<T>,
  ): Promise<T> {
    const { capture, deployments } = this.#options;
    const recording = capture.begin(ask);
    this.#inHand += 1;
    try {
      capture.checkRoom();
      this.#shed(ask, recording);
      const body = await read();
      capture.admit(recording);
      const serving = deployments.current(ask.system) ?? (await deployments.find(ask.system, ask.deadlineAt));
      capture.use(recording, serving);
      checkLoaded(serving);
      const answered = await answer(this.#options, serving, ask, body, recording);
      recording.end('OK');
      return answered;
    } catch (thrown) {
      capture.failed(recording, thrown);
      throw thrown;
    } finally {
      this.#inHand -= 1;
      capture.end(recording);
    }
  }
}

function tooManyInHand(): PlatformError {
  const { predictionsInHandMax } = gatewayLimits;
  return exhausted(`${predictionsInHandMax} predictions are in hand already`, 200);
}
