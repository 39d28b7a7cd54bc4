import { type DeploymentUpdated, RouteRole } from '@perennial/contracts';
import type { Tensor, TensorSpec } from '@perennial/runtime';
import { specsOf } from './columns.js';
import { type Choice, choose } from './decide/route.js';
import type { ShapedRow } from './recording.js';

/** What a deployment's requests are checked and recorded against; made once for each epoch. */
export interface ServingColumns {
  readonly specs: readonly TensorSpec[];
  readonly names: readonly string[];
  readonly nameSet: ReadonlySet<string>;
  /** Belongs to a system: the platform keeps features, and each input is a column. Else it was brought by itself. */
  readonly hasSystem: boolean;
  /** Every input begins with a dimension of rows. */
  readonly hasRows: boolean;
  /**
   * What is recorded of so many rows, where every input of a row is more than a value and of one size: then all requests
   * of as many rows are recorded alike. Undefined where some input is a column, or its size open.
   */
  readonly wideRows: Map<number, readonly ShapedRow[]> | undefined;
  /** Who answers whatever is asked, where neither rules nor weights decide. */
  readonly onlyChoice: Choice | undefined;
}

const known = new WeakMap<DeploymentUpdated, ServingColumns>();

export function servingColumns(deployment: DeploymentUpdated): ServingColumns {
  let columns = known.get(deployment);
  if (!columns) {
    const hasSystem = deployment.specJson !== '';
    const specs = specsOf(deployment.inputs);
    const names = specs.map(({ name }) => name);
    columns = {
      specs,
      names,
      nameSet: new Set(names),
      hasSystem,
      hasRows: specs.length > 0 && specs.every(({ shape }) => shape[0] === -1),
      wideRows: specs.length > 0 && specs.every(isWide) ? new Map() : undefined,
      onlyChoice: isUndecided(deployment) ? undefined : choose(deployment, { key: '' }),
    };
    known.set(deployment, columns);
  }
  return columns;
}

function isWide({ shape }: TensorSpec): boolean {
  const [rows, ...perRow] = shape;
  return rows === -1 && !perRow.includes(-1) && perRow.reduce((product, size) => product * size, 1) > 1;
}

function isUndecided({ rules, routes }: DeploymentUpdated): boolean {
  return (
    rules.length > 0 || routes.some(({ role }) => role === RouteRole.CANARY || role === RouteRole.VARIANT)
  );
}

/** Whether inputs are what the model takes, in its order: then nothing need be looked up or told. */
export function isExactly(specs: readonly TensorSpec[], inputs: readonly Tensor[]): boolean {
  if (specs.length !== inputs.length) return false;
  for (let at = 0; at < specs.length; at++) {
    const spec = specs[at] as TensorSpec;
    const { name, datatype, shape } = inputs[at] as Tensor;
    if (name !== spec.name || datatype !== spec.datatype || shape.length !== spec.shape.length) return false;
    for (let axis = 0; axis < shape.length; axis++)
      if (spec.shape[axis] !== -1 && spec.shape[axis] !== shape[axis]) return false;
  }
  return true;
}
