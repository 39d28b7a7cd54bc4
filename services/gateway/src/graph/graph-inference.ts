import type { ModelGraph } from '@perennial/contracts';
import { PlatformError, uuidv7 } from '@perennial/kernel';
import { rowsOf, type Tensor } from '@perennial/runtime';
import { choose } from '../decide/route.js';
import type { Deployments } from '../deployments.js';
import type { Inference, InferOptions, Inferred, ModelAsked } from '../inference.js';
import { stepsOf } from './graph-body.js';
import { runGraph } from './run-graph.js';

/**
 * Answers graphs by asking the models in them, each by its own routes, and passes everything else on. A model's canary
 * or variant answers its share of a graph's requests too; which versions did is said in `steps`.
 */
export class GraphInference implements Inference {
  readonly #models: Inference;
  readonly #deployments: Deployments;

  constructor(models: Inference, deployments: Deployments) {
    this.#models = models;
    this.#deployments = deployments;
  }

  infer(asked: ModelAsked, inputs: readonly Tensor[], options: InferOptions): Promise<Inferred> {
    const { graph } = asked.route;
    return graph ? this.#run(graph, inputs, options) : this.#models.infer(asked, inputs, options);
  }

  inferNow(asked: ModelAsked, inputs: readonly Tensor[], options: InferOptions): Inferred | undefined {
    return asked.route.graph ? undefined : this.#models.inferNow?.(asked, inputs, options);
  }

  /** @throws PlatformError QUEUE_EXHAUSTED; a graph's models say so themselves, each when it is asked */
  checkRoom(asked: ModelAsked, share: string): void {
    if (!asked.route.graph) this.#models.checkRoom?.(asked, share);
  }

  /**
   * Whether every model of a graph is served here.
   *
   * @throws PlatformError SYSTEM_NOT_SERVING, naming the first that is not
   */
  checkServed(graph: ModelGraph): void {
    for (const { model } of graph.steps) if (model !== '') this.#chosen(model, '');
  }

  async #run(graph: ModelGraph, inputs: readonly Tensor[], options: InferOptions): Promise<Inferred> {
    const steps: Record<string, number> = {};
    let [queueUs, computeUs] = [0, 0];
    const key = uuidv7();
    const outputs = await runGraph(stepsOf(graph), graph.outputs, inputs, async (model, given) => {
      const asked = this.#chosen(model, key);
      const ran = await this.#models.infer(asked, given, options);
      steps[model] = asked.route.version;
      queueUs += ran.queueUs;
      computeUs += ran.computeUs;
      return ran.outputs;
    });
    return { outputs, replica: 'graph', queueUs, computeUs, batchId: '', batchRows: rowsOf(inputs), steps };
  }

  #chosen(name: string, key: string): ModelAsked {
    const deployment = this.#deployments.current(name)?.deployment;
    const route = deployment && !deployment.unloaded && choose(deployment, { key })?.served;
    if (deployment && route && !route.graph)
      return { name, route, pool: deployment.pool, serve: deployment.serve };
    throw new PlatformError(
      'SYSTEM_NOT_SERVING',
      'dependency',
      'after',
      `the graph needs '${name}', which ${route ? 'is a graph itself' : 'serves no model'}; import or load it again`,
      { retryAfterMs: 1_000 },
    );
  }
}
