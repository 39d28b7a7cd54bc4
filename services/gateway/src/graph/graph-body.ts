import { create } from '@bufbuild/protobuf';
import { type ModelGraph, ModelGraphSchema } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import type { Binding, CheckedGraph, Step } from './check-graph.js';

/** A graph as people write it. */
export interface GraphBody {
  readonly steps: readonly Step[];
  /** Empty: all tensors that no step takes. */
  readonly outputs: readonly string[];
}

/**
 * Reads `{"steps":[{"name","model"|"transform","inputs":{own: tensor},"outputs":{own: tensor},"parameters":[]}],
 * "outputs":["tensor"]}`.
 *
 * @throws PlatformError GRAPH_INVALID, naming the field
 */
export function readGraph(body: unknown): GraphBody {
  const { steps, outputs = [] } = fields(body, 'body', ['steps', 'outputs']);
  if (!Array.isArray(steps)) throw wrong('steps', 'must be a list of steps');
  if (!isTexts(outputs)) throw wrong('outputs', 'must be a list of names of tensors');
  return { steps: steps.map((step, at) => readStep(step, `steps[${at}]`)), outputs };
}

function readStep(value: unknown, place: string): Step {
  const step = fields(value, place, ['name', 'model', 'transform', 'inputs', 'outputs', 'parameters']);
  const { name, model, transform, parameters = [] } = step;
  if (typeof name !== 'string' || name === '') throw wrong(`${place}.name`, 'must be a text');
  if (model !== undefined && typeof model !== 'string') throw wrong(`${place}.model`, 'must be a text');
  if (transform !== undefined && typeof transform !== 'string')
    throw wrong(`${place}.transform`, 'must be a text');
  if (!Array.isArray(parameters) || !parameters.every((one) => Number.isFinite(one)))
    throw wrong(`${place}.parameters`, 'must be a list of numbers');
  return {
    name,
    model,
    transform,
    parameters: parameters as number[],
    inputs: readBindings(step['inputs'] ?? {}, `${place}.inputs`),
    outputs: readBindings(step['outputs'] ?? {}, `${place}.outputs`),
  };
}

function readBindings(value: unknown, place: string): Binding[] {
  const bindings = Object.entries(fields(value, place));
  return bindings.map(([name, tensor]) => {
    if (typeof tensor === 'string' && tensor !== '') return { name, tensor };
    throw wrong(`${place}.${name}`, 'must be the name of a tensor of the graph');
  });
}

function fields(value: unknown, place: string, known?: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(place, 'must be a JSON object');
  const stray = Object.keys(value).find((name) => known && !known.includes(name));
  if (stray !== undefined)
    throw wrong(`${place}.${stray}`, `is not known here; there are ${known?.join(', ')}`);
  return value as Record<string, unknown>;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function wrong(field: string, message: string) {
  return invalid('GRAPH_INVALID', `${field} ${message}`, { field });
}

/** As it travels in deployments. */
export function graphMessage({ steps, outputs }: CheckedGraph): ModelGraph {
  return create(ModelGraphSchema, {
    steps: steps.map(({ name, model = '', transform = '', inputs, outputs: made, parameters }) => ({
      name,
      model,
      transform,
      inputs: [...inputs],
      outputs: [...made],
      parameters: [...parameters],
    })),
    outputs: outputs.map(({ name }) => name),
  });
}

/** The steps of a graph that was checked when it was declared. */
export function stepsOf({ steps }: ModelGraph): Step[] {
  return steps.map(({ name, model, transform, inputs, outputs, parameters }) => ({
    name,
    ...(model === '' ? { transform } : { model }),
    inputs,
    outputs,
    parameters,
  }));
}
