import { PlatformError } from '@perennial/kernel';
import { joinRows, outputsOf, requestOf, rowsOf, shapeKey, splitRows, type Tensor } from '@perennial/runtime';
import type { Inference, InferOptions, Inferred, ModelAsked } from '../inference.js';
import { gatewayLimits } from '../limits.js';
import { Gather, type Outcome, withinDeadline } from './gather.js';
import { type Replica, tooLate } from './replica.js';

/** Whose model is asked; the name and version only for error texts. */
interface Head {
  readonly digest: string;
  readonly modelName: string;
  readonly modelVersion: string;
}

function headOf({ name, route }: ModelAsked): Head {
  return { digest: route.digest, modelName: name, modelVersion: String(route.version) };
}

/** The present stream tells nothing about how it ran. */
function inferred(outputs: Tensor[]): Inferred {
  return { outputs, replica: 'inference', queueUs: 0, computeUs: 0, batchId: '', batchRows: 0 };
}

interface Ask {
  readonly columns: readonly Tensor[];
  readonly rows: number;
  /** On performance.now(). */
  readonly deadlineAt: number;
}

/**
 * Small requests to one model that come at the same time travel to the replica as one. What fails together is asked
 * again one by one, so that a request harms nobody but itself.
 */
export class JointInference implements Inference {
  readonly #replica: Replica;
  readonly #gathers = new Map<string, Gather<Ask, Tensor[]>>();

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  /** @throws PlatformError as Replica.infer */
  async infer(
    model: ModelAsked,
    columns: readonly Tensor[],
    { deadlineAt }: InferOptions,
  ): Promise<Inferred> {
    return inferred(await this.#infer(headOf(model), columns, deadlineAt));
  }

  async #infer(model: Head, columns: readonly Tensor[], deadlineAt: number): Promise<Tensor[]> {
    const ask = { columns, rows: rowsOf(columns), deadlineAt };
    if (ask.rows > gatewayLimits.jointRequestRowsMax) return this.#run(model, ask);
    const key = `${model.digest} ${model.modelName} ${model.modelVersion} ${shapeKey(columns)}`;
    let gather = this.#gathers.get(key);
    if (!gather) {
      gather = this.#gatherOf(model);
      this.#gathers.set(key, gather);
    }
    try {
      return await withinDeadline(gather.ask(ask), deadlineAt, () => tooLate(this.#replica.isConnected));
    } finally {
      if (gather.isIdle && this.#gathers.get(key) === gather) this.#gathers.delete(key);
    }
  }

  #gatherOf(model: Head): Gather<Ask, Tensor[]> {
    return new Gather({
      sizeOf: ({ rows }) => rows,
      sizeMax: gatewayLimits.jointRowsMax,
      patienceMs: gatewayLimits.gatherPatienceMs,
      call: async (asks) => {
        const [first] = asks;
        if (asks.length === 1 && first) return [await this.#alone(model, first)];
        try {
          return await this.#together(model, asks);
        } catch (thrown) {
          if (!(thrown instanceof PlatformError && thrown.code === 'INFERENCE_UNAVAILABLE'))
            return Promise.all(asks.map((ask) => this.#alone(model, ask)));
          // The replica went down with them: one after the other, so that whichever did it does it alone.
          const outcomes: Outcome<Tensor[]>[] = [];
          for (const ask of asks) outcomes.push(await this.#alone(model, ask));
          return outcomes;
        }
      },
    });
  }

  async #together(model: Head, asks: readonly Ask[]): Promise<Outcome<Tensor[]>[]> {
    const deadlineAt = Math.max(...asks.map((ask) => ask.deadlineAt));
    const columns = joinRows(asks.map((ask) => ask.columns));
    // Lost once, it is not sent again whole: one of them may be what brings the replica down.
    const request = requestOf(columns, model);
    const response = await this.#replica.infer(model.digest, request, deadlineAt, 1);
    const parts = splitRows(
      outputsOf(response),
      asks.map(({ rows }) => rows),
    );
    return parts.map((answer) => ({ answer }));
  }

  async #alone(model: Head, ask: Ask): Promise<Outcome<Tensor[]>> {
    try {
      return { answer: await this.#run(model, ask) };
    } catch (error) {
      return { error };
    }
  }

  async #run(model: Head, { columns, deadlineAt }: Ask): Promise<Tensor[]> {
    return outputsOf(await this.#replica.infer(model.digest, requestOf(columns, model), deadlineAt));
  }
}
