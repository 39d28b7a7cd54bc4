import type { Building } from './building.js';
import { expect, isNumeric, type Slot, type Step } from './slots.js';
import { type Forest, inTurn, readTreeEnsemble, readTreeRegressor } from './tree-attributes.js';

/** TreeEnsemble of ai.onnx.ml 5. */
export function treeEnsemble(building: Building): Step {
  return forestStep(building, readTreeEnsemble(building.attribute));
}

/** TreeEnsembleRegressor of ai.onnx.ml 1 to 3. */
export function treeRegressor(building: Building): Step {
  return forestStep(building, readTreeRegressor(building.attribute));
}

function forestStep(building: Building, given: Forest): Step {
  const { node, value, output, slots, probe } = building;
  const from = value(node.inputs[0]);
  expect(from && isNumeric(from) && from.type === given.type, `operand of ${node.op}`);
  const forest = inTurn(given);
  expect(
    forest.features.every((feature) => feature < from.columns),
    `features of ${node.op}`,
  );
  for (let column = 0; column < from.columns; column++) probe(from, column, splitsOf(forest, column));
  const to = output(slots.make(from.type, 1));
  return from.type === 'double' ? doubleStep(forest, from, to) : floatStep(forest, from, to);
}

/** The splits themselves: there the answers turn. */
function splitsOf({ features, splits }: Forest, column: number): number[] {
  return [...splits].filter((_, at) => features[at] === column);
}

function doubleStep(forest: Forest, from: Slot, to: Slot): Step {
  const { roots, base } = forest;
  return (rows) => {
    const given = from.data as Float64Array;
    const answers = to.data as Float64Array;
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let tree = 0; tree < roots.length; tree++)
        sum += leafValue(forest, roots[tree] as number, given, row * from.columns);
      answers[row] = base === undefined ? sum : sum + base;
    }
  };
}

function floatStep(forest: Forest, from: Slot, to: Slot): Step {
  const { roots, base } = forest;
  return (rows) => {
    const given = from.data as Float32Array;
    const answers = to.data as Float32Array;
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let tree = 0; tree < roots.length; tree++)
        sum = Math.fround(sum + leafValue(forest, roots[tree] as number, given, row * from.columns));
      answers[row] = base === undefined ? sum : sum + base;
    }
  };
}

/** Down from a root; a place below 0 is the leaf `~place`. */
function leafValue(
  { features, splits, truePlaces, falsePlaces, missingTrue, leaves }: Forest,
  root: number,
  given: Float32Array | Float64Array,
  start: number,
): number {
  let place = root;
  while (place >= 0) {
    const value = given[start + (features[place] as number)] as number;
    const isTrue = value <= (splits[place] as number) || (missingTrue[place] === 1 && Number.isNaN(value));
    place = (isTrue ? truePlaces[place] : falsePlaces[place]) as number;
  }
  return leaves[~place] as number;
}
