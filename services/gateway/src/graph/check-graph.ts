import { invalid } from '@perennial/kernel';
import type { TensorSpec } from '@perennial/runtime';
import { transforms } from './transforms.js';

/** A step as it is declared: its own names of tensors, mapped to the graph's. */
export interface Step {
  readonly name: string;
  /** Exactly one of the two. */
  readonly model?: string | undefined;
  readonly transform?: string | undefined;
  readonly inputs: readonly Binding[];
  readonly outputs: readonly Binding[];
  readonly parameters: readonly number[];
}

export interface Binding {
  /** As the model or transform calls it. */
  readonly name: string;
  /** As the graph calls it. */
  readonly tensor: string;
}

/** What a served model takes and gives; undefined where there is none of that name. */
export type ModelSpecs = (
  model: string,
) => { readonly inputs: readonly TensorSpec[]; readonly outputs: readonly TensorSpec[] } | undefined;

export interface CheckedGraph {
  /** Each after those whose tensors it needs. */
  readonly steps: readonly Step[];
  /** Tensors that no step makes: what the graph takes. */
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** A graph of more steps is a program, and belongs in one. */
export const graphStepsMax = 32;

/**
 * Orders a graph and finds out what it takes and gives, out of the models' own shapes.
 *
 * @param outputs names of the tensors to answer with; all that no step takes where it is empty
 * @throws PlatformError GRAPH_INVALID, naming the step and the fix
 */
export function checkGraph(
  steps: readonly Step[],
  outputs: readonly string[],
  specsOf: ModelSpecs,
): CheckedGraph {
  if (steps.length === 0 || steps.length > graphStepsMax)
    throw wrong('steps', `a graph has 1 to ${graphStepsMax} steps, got ${steps.length}`);
  checkNames(steps);
  const made = new Map<string, TensorSpec>();
  const taken = new Map<string, TensorSpec>();
  const isMade = new Set(steps.flatMap((step) => step.outputs.map(({ tensor }) => tensor)));
  const ordered: Step[] = [];
  let rest = [...steps];
  while (rest.length > 0) {
    const ready = rest.filter(({ inputs }) =>
      inputs.every(({ tensor }) => made.has(tensor) || !isMade.has(tensor)),
    );
    if (ready.length === 0)
      throw wrong(
        'steps',
        `${rest.map(({ name }) => `'${name}'`).join(', ')} wait for each other: a graph has no cycles`,
      );
    for (const step of ready) {
      for (const spec of checkStep(step, { made, taken }, specsOf)) made.set(spec.name, spec);
      ordered.push(step);
    }
    rest = rest.filter((step) => !ready.includes(step));
  }
  return { steps: ordered, inputs: [...taken.values()], outputs: answersOf(steps, outputs, made) };
}

function checkNames(steps: readonly Step[]): void {
  const names = new Set<string>();
  const tensors = new Set<string>();
  for (const { name, model, transform, outputs } of steps) {
    if (names.has(name)) throw wrong(name, `there are two steps named '${name}'`);
    names.add(name);
    if ((model === undefined) === (transform === undefined))
      throw wrong(name, `step '${name}' needs either "model" or "transform"`);
    if (outputs.length === 0)
      throw wrong(name, `step '${name}' needs outputs: {"<its own name>": "<tensor>"}`);
    for (const { tensor } of outputs) {
      if (tensors.has(tensor))
        throw wrong(name, `the tensor '${tensor}' is made twice; give each its own name`);
      tensors.add(tensor);
    }
  }
}

interface Known {
  readonly made: ReadonlyMap<string, TensorSpec>;
  readonly taken: Map<string, TensorSpec>;
}

/** The specs of what the step makes, under the graph's names. */
function checkStep(step: Step, known: Known, specsOf: ModelSpecs): TensorSpec[] {
  return step.model === undefined
    ? checkTransform(step, known)
    : checkModel(step, step.model, known, specsOf);
}

function checkModel(step: Step, model: string, { made, taken }: Known, specsOf: ModelSpecs): TensorSpec[] {
  const specs = specsOf(model);
  if (!specs) throw wrong(step.name, `step '${step.name}': no model '${model}' is served; import it first`);
  for (const wanted of specs.inputs) {
    const binding = step.inputs.find(({ name }) => name === wanted.name);
    if (!binding)
      throw wrong(step.name, `step '${step.name}' leaves out the input '${wanted.name}' of '${model}'`);
    const given = made.get(binding.tensor) ?? taken.get(binding.tensor);
    if (!given) taken.set(binding.tensor, { ...wanted, name: binding.tensor });
    else if (!fits(given, wanted))
      throw wrong(
        step.name,
        `step '${step.name}': '${binding.tensor}' is ${shown(given)}, and '${model}' takes ${shown(wanted)} as '${wanted.name}'`,
      );
  }
  const stray = step.inputs.find(({ name }) => !specs.inputs.some((input) => input.name === name));
  if (stray) throw wrong(step.name, `step '${step.name}': '${model}' has no input '${stray.name}'`);
  return step.outputs.map(({ name, tensor }) => {
    const output = specs.outputs.find((one) => one.name === name);
    if (output) return { ...output, name: tensor };
    const names = specs.outputs.map((one) => `'${one.name}'`).join(', ');
    throw wrong(step.name, `step '${step.name}': '${model}' has no output '${name}'; it gives ${names}`);
  });
}

function checkTransform(step: Step, { made, taken }: Known): TensorSpec[] {
  const { name, inputs, outputs, parameters } = step;
  const transform = transforms[step.transform ?? ''];
  if (!transform)
    throw wrong(name, `step '${name}': the transforms are ${Object.keys(transforms).join(', ')}`);
  if (inputs.length < transform.inputsMin || inputs.length > transform.inputsMax)
    throw wrong(
      name,
      `step '${name}' takes ${transform.inputsMin} to ${transform.inputsMax} inputs, got ${inputs.length}`,
    );
  const counts = transform.parameters(inputs.length);
  if (counts && !counts.includes(parameters.length))
    throw wrong(name, `step '${name}' takes ${counts.join(' or ')} parameters, got ${parameters.length}`);
  if (step.transform === 'select' && !parameters.every((column) => Number.isInteger(column) && column >= 0))
    throw wrong(name, `step '${name}': the parameters of select are column numbers from 0`);
  const specs = inputs.map(({ tensor }) => {
    const spec = made.get(tensor) ?? taken.get(tensor);
    if (!spec)
      throw wrong(
        name,
        `step '${name}': nobody says what '${tensor}' is; a transform takes what a model takes or gives`,
      );
    if (spec.datatype !== 'FP32' && spec.datatype !== 'FP64')
      throw wrong(name, `step '${name}': '${tensor}' is ${spec.datatype}; transforms take FP32 and FP64`);
    return spec;
  });
  const odd = specs.find(({ datatype }) => datatype !== specs[0]?.datatype);
  if (odd) throw wrong(name, `step '${name}' mixes datatypes; put cast_fp64 or cast_fp32 before it`);
  if (outputs.length !== 1) throw wrong(name, `step '${name}': a transform has one output`);
  return outputs.map(({ tensor }) => ({ ...transform.spec(specs, parameters), name: tensor }));
}

function answersOf(
  steps: readonly Step[],
  names: readonly string[],
  made: ReadonlyMap<string, TensorSpec>,
): TensorSpec[] {
  const used = new Set(steps.flatMap((step) => step.inputs.map(({ tensor }) => tensor)));
  const wanted = names.length > 0 ? names : [...made.keys()].filter((tensor) => !used.has(tensor));
  if (new Set(wanted).size !== wanted.length) throw wrong('outputs', 'an output is named twice');
  return wanted.map((name) => {
    const spec = made.get(name);
    if (spec) return spec;
    throw wrong('outputs', `no step makes '${name}'; there are ${[...made.keys()].join(', ')}`);
  });
}

function fits(given: TensorSpec, wanted: TensorSpec): boolean {
  return (
    given.datatype === wanted.datatype &&
    given.shape.length === wanted.shape.length &&
    wanted.shape.every((size, at) => size === -1 || given.shape[at] === -1 || given.shape[at] === size)
  );
}

function shown({ datatype, shape }: TensorSpec): string {
  return `${datatype} [${shape.join(',')}]`;
}

function wrong(field: string, message: string) {
  return invalid('GRAPH_INVALID', message, { field });
}
