import type { JsonObject } from '@bufbuild/protobuf';
import type { Prediction, Route } from '@perennial/contracts';
import { asPlatformError, type Clock, invalid, limits, PlatformError, uuidv7 } from '@perennial/kernel';
import { checkInputs, rowsOf, sliceRows, type Tensor } from '@perennial/runtime';
import type { Ask, PredictedRow, PredictedTensors, RowsAsk, TensorsAsk } from './ask.js';
import { columnsOf, rowsOfColumns, specsOf, valuesOf } from './columns.js';
import { choose, routeOfVersion, routingKey } from './decide/route.js';
import { absentInputs } from './decide/shape-rows.js';
import { placeOfRow } from './decide/system-source.js';
import type { Deployments, Serving } from './deployments.js';
import type { PredictionSpool } from './effects/prediction-spool.js';
import type { Inference, Inferred } from './inference.js';
import { gatewayLimits } from './limits.js';
import { versionNotFound } from './model-metadata.js';
import { Recording, type ShapedRow } from './recording.js';
import { pickOutputs } from './tensor-body.js';

export type * from './ask.js';

/** The features that the platform keeps, in the order of the rows. */
export type OnlineFeatures = (system: string, rows: JsonObject[], deadlineAt: number) => Promise<ShapedRow[]>;

export interface PredictorOptions {
  readonly deployments: Deployments;
  readonly inference: Inference;
  readonly spool: PredictionSpool;
  readonly features: OnlineFeatures;
  readonly clock: Clock;
  /** Told of every recorded request when the client has its answer. */
  readonly onAnswered: (prediction: Prediction) => void;
}

/** Answers predictions, whatever they came over. Every admitted request of a known system ends in one event. */
export class Predictor {
  readonly #options: PredictorOptions;

  constructor(options: PredictorOptions) {
    this.#options = options;
  }

  /** @throws PlatformError, recorded under its code */
  predictRows(ask: RowsAsk): Promise<PredictedRow[]> {
    return this.#recorded(ask, ask.rows, async (recording, given) => {
      const serving = await this.#find(ask, recording);
      const rows = await this.#shape(serving, given, ask.deadlineAt);
      recording.rows(rows);
      const { predictionId } = recording.message;
      const nameOf = (at: number) => (rows.length === 1 ? predictionId : `${predictionId}/${at}`);
      const choices = rows.map((row, at) => this.#choice(serving, { ...row, predictionId: nameOf(at) }));
      const columnsAt = (members: readonly number[]) =>
        columnsOf(
          serving.deployment.inputs,
          members.map((at) => (rows[at] as ShapedRow).features),
        );
      const all = columnsAt(rows.map((_, at) => at));
      this.#mirror(recording, serving, all, ask);
      const predicted: PredictedRow[] = [];
      await Promise.all(
        [...groupBy(choices)].map(async ([route, members]) => {
          const columns = members.length === rows.length ? all : columnsAt(members);
          const values = valuesOf((await this.#run(serving, route, columns, ask)).outputs);
          members.forEach((at, position) => {
            const { features, provided } = rows[at] as ShapedRow;
            const prediction = values[position] ?? Number.NaN;
            recording.answer(at, route, { value: prediction, served: true });
            predicted[at] = {
              predictionId: nameOf(at),
              prediction,
              version: route.version,
              features,
              provided,
            };
          });
        }),
      );
      return predicted;
    });
  }

  /** As predictRows for tensors; one version answers the whole request. */
  predictTensors(ask: TensorsAsk): Promise<PredictedTensors> {
    return this.#recorded(ask, ask.body, async (recording, { inputs, outputNames, eventTime }) => {
      const serving = await this.#find(ask, recording);
      const { columns, first } = await this.#columns(serving, inputs, eventTime, ask, recording);
      const { predictionId } = recording.message;
      const route =
        ask.version === ''
          ? this.#choice(serving, { eventTimeMs: first?.eventTimeMs, key: first?.key ?? {}, predictionId })
          : routeOfVersion(serving.deployment, ask.version);
      if (!route) {
        const served = serving.deployment.routes.map(({ version }) => String(version));
        throw versionNotFound(ask.system, ask.version, served);
      }
      if (ask.version === '') this.#mirror(recording, serving, columns, ask);
      const routed = await this.#run(serving, route, columns, ask);
      const outputs = pickOutputs(routed.outputs, outputNames, ask.system);
      const values = valuesOf(routed.outputs);
      recording.message.rows.forEach((_, at) => {
        recording.answer(at, route, { value: values[at] ?? Number.NaN, served: true });
      });
      return { predictionId, version: route.version, outputs, routed };
    });
  }

  async #recorded<B, T>(
    ask: Ask,
    read: () => Promise<B>,
    work: (recording: Recording, body: B) => Promise<T>,
  ): Promise<T> {
    const { spool, clock } = this.#options;
    spool.checkRoom();
    const recording = new Recording({
      predictionId: uuidv7(clock),
      system: ask.system,
      transport: ask.transport,
      receivedAtMs: clock.now(),
    });
    // Who sends slowly holds no place meanwhile, and keeps nothing from being settled.
    const [body] = await Promise.allSettled([read()]);
    spool.admit();
    let isKnown = true;
    try {
      if (body.status === 'rejected') throw body.reason;
      const answer = await work(recording, body.value);
      recording.end('OK');
      return answer;
    } catch (thrown) {
      const { code } = asPlatformError(thrown);
      recording.end(code);
      isKnown = this.#options.deployments.source(ask.system) !== undefined;
      throw thrown;
    } finally {
      if (isKnown) {
        this.#options.onAnswered(recording.message);
        void recording.complete().then(() => spool.add(recording.message));
      } else spool.release();
    }
  }

  async #find(ask: Ask, recording: Recording): Promise<Serving> {
    const serving = await this.#options.deployments.find(ask.system, ask.deadlineAt);
    recording.use(serving.deployment.deployment, serving.deployment.epoch);
    return serving;
  }

  /** The rows with all features: the client's own, and those the platform keeps where some are absent. */
  async #shape(serving: Serving, rows: JsonObject[], deadlineAt: number): Promise<ShapedRow[]> {
    const { inputs, system } = serving.deployment;
    if (absentInputs(inputs, rows).length > 0) return this.#options.features(system, rows, deadlineAt);
    return rows.map((row, at) => ({
      ...placeOfRow(serving.source, row, `rows[${at}]`),
      features: Object.fromEntries(inputs.map(({ name }) => [name, row[name] ?? null])),
      provided: inputs.map(({ name }) => name),
    }));
  }

  /** The model's inputs out of a request's tensors; notes the rows in the recording. */
  async #columns(
    serving: Serving,
    inputs: readonly Tensor[],
    eventTime: string | undefined,
    ask: Ask,
    recording: Recording,
  ): Promise<{ columns: Tensor[]; first: ShapedRow | undefined }> {
    const { deployment, source } = serving;
    const count = rowsOf(inputs);
    const names = new Set(inputs.map(({ name }) => name));
    const absent = deployment.inputs.filter(({ name }) => !names.has(name));
    const places = new Set([source.time, ...source.key]);
    const isPlaced = eventTime !== undefined || names.has(source.time);
    if (count > 0 && absent.length > 0 && isPlaced) {
      if (count > limits.predictRowsMax) {
        throw invalid(
          'PREDICT_ROWS_INVALID',
          `the platform adds features to at most ${limits.predictRowsMax} rows of a request, got ${count}; send fewer, or all inputs`,
        );
      }
      const given = rowsOfColumns(inputs, count).map((row) =>
        eventTime === undefined ? row : { ...row, [source.time]: row[source.time] ?? eventTime },
      );
      const rows = await this.#options.features(deployment.system, given, ask.deadlineAt);
      recording.rows(rows);
      return {
        columns: columnsOf(
          deployment.inputs,
          rows.map(({ features }) => features),
        ),
        first: rows[0],
      };
    }
    const own = inputs.filter(
      ({ name }) => !places.has(name) || deployment.inputs.some((input) => input.name === name),
    );
    const columns = checkInputs(deployment.system, specsOf(deployment.inputs), own);
    const kept = Math.min(count, gatewayLimits.recordedRowsMax);
    const seen = rowsOfColumns(
      inputs.map((input) => sliceRows(input, 0, kept)),
      kept,
    );
    const rows = seen.map((row, at) => ({
      ...placeOfRow(
        source,
        eventTime === undefined ? row : { [source.time]: eventTime, ...row },
        `rows[${at}]`,
      ),
      features: Object.fromEntries(deployment.inputs.map(({ name }) => [name, row[name] ?? null])),
      provided: deployment.inputs.map(({ name }) => name),
    }));
    recording.rows(rows, count);
    return { columns, first: rows[0] };
  }

  #choice(
    { deployment }: Serving,
    row: { eventTimeMs: number | undefined; key: JsonObject; predictionId: string },
  ): Route {
    const choice = choose(deployment, { key: routingKey(row) });
    if (!choice) {
      throw new PlatformError(
        'SYSTEM_NOT_SERVING',
        'dependency',
        'after',
        `'${deployment.system}' has no champion; promote a version first`,
      );
    }
    return choice.served;
  }

  /** Asks the shadows about the rows that are recorded; more answers would be thrown away. */
  #mirror(recording: Recording, serving: Serving, columns: readonly Tensor[], ask: Ask): void {
    const shadows = choose(serving.deployment, { key: '' })?.shadows ?? [];
    const kept = recording.message.rows.length;
    for (const shadow of shadows) {
      const part = columns.map((column) => sliceRows(column, 0, kept));
      const values = this.#run(serving, shadow, part, ask).then(({ outputs }) => valuesOf(outputs));
      recording.beside(shadow, values);
    }
  }

  #run({ deployment }: Serving, route: Route, columns: readonly Tensor[], ask: Ask): Promise<Inferred> {
    const { system, pool, serve } = deployment;
    return this.#options.inference.infer({ name: system, route, pool, serve }, columns, {
      deadlineAt: ask.deadlineAt,
      ...(ask.priority && { priority: ask.priority }),
      ...(ask.caller && { share: ask.caller.name }),
      ...(ask.signal && { signal: ask.signal }),
    });
  }
}

function groupBy(choices: readonly Route[]): Map<Route, number[]> {
  const groups = new Map<Route, number[]>();
  choices.forEach((route, at) => {
    const members = groups.get(route);
    if (members) members.push(at);
    else groups.set(route, [at]);
  });
  return groups;
}
