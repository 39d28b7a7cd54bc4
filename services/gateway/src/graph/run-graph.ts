import { invalid, PlatformError } from '@perennial/kernel';
import { rowsOf, type Tensor } from '@perennial/runtime';
import type { Step } from './check-graph.js';
import { transforms } from './transforms.js';

/** Runs one model of the graph on its own inputs. */
export type RunModel = (model: string, inputs: readonly Tensor[]) => Promise<readonly Tensor[]>;

/**
 * Answers a request of a graph: every step begins when what it takes is there, so that independent ones run side by
 * side. The first failure is the request's, with the step's name in its text; nothing waits for the others.
 *
 * @param steps in the order of checkGraph
 * @param outputs names of the tensors to answer with, in their order
 * @throws PlatformError of the step that failed
 */
export async function runGraph(
  steps: readonly Step[],
  outputs: readonly string[],
  inputs: readonly Tensor[],
  runModel: RunModel,
): Promise<Tensor[]> {
  rowsOf(inputs);
  const tensors = new Map<string, Promise<Tensor>>();
  for (const input of inputs) tensors.set(input.name, Promise.resolve(input));
  for (const step of steps) {
    const ran = runStep(step, tensors, runModel);
    for (const { name, tensor } of step.outputs) {
      const made = ran.then((given) => renamed(step, given, name, tensor));
      // Whoever needs it hears of a failure; one that nobody needs must not end the process.
      made.catch(() => {});
      tensors.set(tensor, made);
    }
  }
  return Promise.all(outputs.map((name) => tensorNamed(tensors, name)));
}

async function runStep(
  step: Step,
  tensors: ReadonlyMap<string, Promise<Tensor>>,
  runModel: RunModel,
): Promise<readonly Tensor[]> {
  const given = await Promise.all(
    step.inputs.map(async ({ name, tensor }) => ({ ...(await tensorNamed(tensors, tensor)), name })),
  );
  try {
    if (step.model !== undefined) return await runModel(step.model, given);
    const transform = transforms[step.transform ?? ''];
    if (!transform) throw new Error(`the transform ${step.transform} passed its check and is not there`);
    const [output] = step.outputs;
    return [{ ...transform.run(given, step.parameters), name: output?.name ?? '' }];
  } catch (thrown) {
    throw inStep(step, thrown);
  }
}

function tensorNamed(tensors: ReadonlyMap<string, Promise<Tensor>>, name: string): Promise<Tensor> {
  const tensor = tensors.get(name);
  if (tensor) return tensor;
  throw invalid('INPUT_MISSING', `the graph takes the input '${name}': add it`, { field: name });
}

function renamed(step: Step, given: readonly Tensor[], name: string, tensor: string): Tensor {
  const found = given.find((one) => one.name === name);
  if (found) return { ...found, name: tensor };
  throw invalid(
    'GRAPH_INVALID',
    `step '${step.name}': '${step.model}' no longer gives '${name}'; declare the graph again`,
    { field: step.name },
  );
}

function inStep(step: Step, thrown: unknown): unknown {
  if (!(thrown instanceof PlatformError)) return thrown;
  const { code, fault, retry, message, internal, field, retryAfterMs } = thrown;
  return new PlatformError(code, fault, retry, `step '${step.name}': ${message}`, {
    cause: thrown,
    ...(internal !== undefined && { internal }),
    ...(field !== undefined && { field }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
