import type { JsonObject } from '@bufbuild/protobuf';
import type { DeploymentUpdated, GetModelResponse } from '@perennial/contracts';
import { invalid, PlatformError } from '@perennial/kernel';
import type { Cancellation } from '@perennial/runtime';
import { columnsOf, valuesOf } from '../columns.js';
import { routeOfVersion } from '../decide/route.js';
import type { Deployments } from '../deployments.js';
import type { Inference, ModelAsked } from '../inference.js';
import { gatewayLimits } from '../limits.js';
import { type Explanation, explainRow } from './explain-row.js';
import { givenReference, referenceOf } from './reference.js';

export interface ExplainerOptions {
  readonly deployments: Deployments;
  readonly inference: Inference;
  readonly getModel: (asked: { system: string; reference: string }) => Promise<GetModelResponse>;
}

export interface ExplainAsk {
  readonly system: string;
  readonly rows: readonly {
    readonly predictionId: string;
    readonly prediction: number;
    readonly version: number;
    readonly features: JsonObject;
  }[];
  /** True: the usual row of the training; else the row to compare with. */
  readonly explain: true | JsonObject;
  /** On performance.now(). */
  readonly deadlineAt: number;
  readonly share: string;
  readonly signal: Cancellation | undefined;
}

export interface Explained extends Explanation {
  readonly reference: JsonObject;
}

/** How many models' reference rows are held: some hundred bytes each. */
const referencesMax = 256;

/** Says why rows were answered as they were, by asking the version that answered each about rows in between. */
export class Explainer {
  readonly #options: ExplainerOptions;
  readonly #references = new Map<string, Promise<string>>();

  constructor(options: ExplainerOptions) {
    this.#options = options;
  }

  /**
   * One explanation for each row, in their order.
   *
   * @throws PlatformError EXPLAIN_ROWS_TOO_MANY, EXPLAIN_INPUTS_TOO_MANY, EXPLAIN_REFERENCE_ABSENT,
   *   EXPLAIN_VERSION_CONFLICT, DEADLINE_EXCEEDED and what inference says
   */
  async explain(ask: ExplainAsk): Promise<Explained[]> {
    checkRows(ask.rows.length);
    const { deployment } = await this.#options.deployments.find(ask.system, ask.deadlineAt);
    checkInputs(deployment);
    const explained: Explained[] = [];
    // One row after the other: explaining is bounded work, and others want answers meanwhile.
    for (const row of ask.rows) explained.push(await this.#explainRow(ask, deployment, row));
    return explained;
  }

  /** The usual row of the version that most requests meet; undefined where nobody knows one. */
  async usualRow(deployment: DeploymentUpdated): Promise<JsonObject | undefined> {
    const [first] = [...deployment.routes].sort((a, b) => b.weight - a.weight);
    if (!first) return undefined;
    try {
      return referenceOf(
        await this.#manifestOf(deployment, first.version),
        deployment.inputs.map(({ name }) => name),
      );
    } catch {
      // A model that was brought has none, and an example is no reason to fail.
      return undefined;
    }
  }

  async #explainRow(
    ask: ExplainAsk,
    deployment: DeploymentUpdated,
    row: ExplainAsk['rows'][number],
  ): Promise<Explained> {
    const names = deployment.inputs.map(({ name }) => name);
    const reference =
      ask.explain === true
        ? referenceOf(await this.#manifestOf(deployment, row.version), names)
        : givenReference(ask.explain, names);
    const { features, prediction, predictionId: seed } = row;
    const work = explainRow({ features, prediction, seed }, reference, gatewayLimits.explainEvaluationsMax);
    const answers = await this.#answers(ask, deployment, row.version, work.rows);
    return { ...work.finish(answers), reference };
  }

  async #answers(
    ask: ExplainAsk,
    deployment: DeploymentUpdated,
    version: number,
    rows: readonly JsonObject[],
  ): Promise<number[]> {
    const model = modelAsked(deployment, version);
    const options = {
      deadlineAt: ask.deadlineAt,
      share: ask.share,
      ...(ask.signal && { signal: ask.signal }),
    };
    const answers: number[] = [];
    for (let from = 0; from < rows.length; from += gatewayLimits.jointRowsMax) {
      const part = rows.slice(from, from + gatewayLimits.jointRowsMax);
      const { outputs } = await this.#options.inference.infer(
        model,
        columnsOf(deployment.inputs, part),
        options,
      );
      answers.push(...valuesOf(outputs, part.length));
    }
    return answers;
  }

  /** A version never changes, so its manifest is asked for once. A model that was brought by itself has none. */
  async #manifestOf({ system, specJson }: DeploymentUpdated, version: number): Promise<string> {
    if (specJson === '') return '';
    const key = `${system} ${version}`;
    let manifest = this.#references.get(key);
    if (!manifest) {
      manifest = this.#options
        .getModel({ system, reference: String(version) })
        .then(({ manifestJson }) => manifestJson);
      manifest.catch(() => this.#references.delete(key));
      this.#references.set(key, manifest);
      const [oldest] = this.#references.keys();
      if (this.#references.size > referencesMax && oldest !== undefined) this.#references.delete(oldest);
    }
    return manifest;
  }
}

function modelAsked(deployment: DeploymentUpdated, version: number): ModelAsked {
  const route = routeOfVersion(deployment, String(version));
  if (route) {
    const { deployment: name, pool, serve } = deployment;
    return { name, route, pool, serve };
  }
  throw new PlatformError(
    'EXPLAIN_VERSION_CONFLICT',
    'dependency',
    'now',
    `version ${version}, which answered, was taken out of service meanwhile; ask again`,
    { field: 'explain' },
  );
}

function checkRows(count: number): void {
  if (count <= gatewayLimits.explainRowsMax) return;
  throw invalid(
    'EXPLAIN_ROWS_TOO_MANY',
    `explain is for at most ${gatewayLimits.explainRowsMax} rows of a request, got ${count}; explain the rows in question alone`,
    { field: 'explain' },
  );
}

function checkInputs({ inputs }: DeploymentUpdated): void {
  if (inputs.length > gatewayLimits.explainInputsMax) {
    throw invalid(
      'EXPLAIN_INPUTS_TOO_MANY',
      `explain is for models of at most ${gatewayLimits.explainInputsMax} inputs, this one has ${inputs.length}`,
      { field: 'explain' },
    );
  }
}
