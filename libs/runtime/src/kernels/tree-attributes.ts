import type { Building } from './building.js';
import { nextBelow } from './next-below.js';
import { expect } from './slots.js';

/** Trees in flat arrays. A place of 0 or more is an inner node, one below 0 the leaf `~place`. */
export interface Forest {
  readonly type: 'float' | 'double';
  readonly roots: Int32Array;
  readonly features: Int32Array;
  /** A value goes the true way where it is `<=`. */
  readonly splits: Float64Array;
  readonly truePlaces: Int32Array;
  readonly falsePlaces: Int32Array;
  /** 1 where a NaN goes the true way. */
  readonly missingTrue: Uint8Array;
  readonly leaves: Float64Array;
  readonly base: number | undefined;
}

type Attributes = Building['attribute'];

const sum = 1;
const noTransform = 0;
/** TreeEnsemble's modes `<=` and `<`. */
const lessOrEqual = 0;
const less = 1;

/** ai.onnx.ml 5: inner nodes and leaves are numbered apart. */
export function readTreeEnsemble(attribute: Attributes): Forest {
  const ints = (name: string) => Int32Array.from(required(attribute(name, 'ints'), name));
  expect((attribute('aggregate_function', 'int') ?? sum) === sum, 'aggregate_function');
  expect((attribute('post_transform', 'int') ?? noTransform) === noTransform, 'post_transform');
  expect(attribute('n_targets', 'int') === 1, 'n_targets');
  expect(attribute('membership_values', 'tensor') === undefined, 'membership_values');
  const modes = required(attribute('nodes_modes', 'tensor'), 'nodes_modes').data as ArrayLike<number>;
  expect(
    Array.from(modes).every((mode) => mode === lessOrEqual || mode === less),
    'nodes_modes',
  );
  // How often a node was met in training: of no meaning here.
  attribute('nodes_hitrates', 'tensor');
  const splits = required(attribute('nodes_splits', 'tensor'), 'nodes_splits');
  const leaves = required(attribute('leaf_weights', 'tensor'), 'leaf_weights');
  expect(
    (splits.type === 'double' || splits.type === 'float') && leaves.type === splits.type,
    'leaf_weights',
  );
  expect(
    ints('leaf_targetids').every((target) => target === 0),
    'leaf_targetids',
  );
  const features = ints('nodes_featureids');
  const places = (ids: Int32Array, areLeaves: Int32Array) =>
    ids.map((id, at) => (areLeaves[at] === 0 ? id : ~id));
  return {
    type: splits.type,
    roots: ints('tree_roots'),
    features,
    splits: splitsBy(modes, less, splits.data as Float64Array),
    truePlaces: places(ints('nodes_truenodeids'), ints('nodes_trueleafs')),
    falsePlaces: places(ints('nodes_falsenodeids'), ints('nodes_falseleafs')),
    missingTrue: Uint8Array.from(
      attribute('nodes_missing_value_tracks_true', 'ints') ?? new Uint8Array(features.length),
    ),
    leaves: Float64Array.from(leaves.data as Float64Array),
    base: undefined,
  };
}

/** ai.onnx.ml 1 and 3: every node of a tree has a number in it, leaves too. */
export function readTreeRegressor(attribute: Attributes): Forest {
  const ints = (name: string) => Array.from(required(attribute(name, 'ints'), name));
  expect((attribute('aggregate_function', 'string') ?? 'SUM') === 'SUM', 'aggregate_function');
  expect((attribute('post_transform', 'string') ?? 'NONE') === 'NONE', 'post_transform');
  expect((attribute('n_targets', 'int') ?? 1) === 1, 'n_targets');
  const modes = required(attribute('nodes_modes', 'strings'), 'nodes_modes');
  expect(
    modes.every((mode) => mode === 'BRANCH_LEQ' || mode === 'BRANCH_LT' || mode === 'LEAF'),
    'nodes_modes',
  );
  attribute('nodes_hitrates', 'floats');
  const { type, values } = numbersOf(attribute, 'nodes_values');
  const weights = numbersOf(attribute, 'target_weights');
  expect(weights.type === type, 'target_weights');
  expect(
    ints('target_ids').every((target) => target === 0),
    'target_ids',
  );
  const base = attribute('base_values', 'floats');
  expect(attribute('base_values_as_tensor', 'tensor') === undefined, 'base_values_as_tensor');
  expect(base === undefined || base.length <= 1, 'base_values');

  const trees = ints('nodes_treeids');
  const ids = ints('nodes_nodeids');
  const places = new Map(trees.map((tree, at) => [`${tree}/${ids[at]}`, at]));
  expect(places.size === modes.length, 'nodes_nodeids');
  const leaves = new Float64Array(modes.length);
  const weighed = new Set<number>();
  const leafIds = ints('target_nodeids');
  ints('target_treeids').forEach((tree, at) => {
    const place = required(places.get(`${tree}/${leafIds[at]}`), 'target_nodeids');
    expect(modes[place] === 'LEAF' && !weighed.has(place), 'target_nodeids');
    weighed.add(place);
    leaves[place] = weights.values[at] as number;
  });
  expect(
    modes.every((mode, at) => mode !== 'LEAF' || weighed.has(at)),
    'target_weights',
  );
  // The numbering of leaves is that of all nodes: a place is its own number, or `~` of it.
  const placeOf = (tree: number | undefined, id: number | undefined) => {
    const place = required(places.get(`${tree}/${id}`), 'nodes_nodeids');
    return modes[place] === 'LEAF' ? ~place : place;
  };
  const children = (name: string) => {
    const to = ints(name);
    return Int32Array.from(modes, (mode, at) => (mode === 'LEAF' ? 0 : placeOf(trees[at], to[at])));
  };
  const roots = trees.flatMap((tree, at) => (trees.indexOf(tree) === at ? [placeOf(tree, ids[at])] : []));
  const missing = attribute('nodes_missing_value_tracks_true', 'ints');
  return {
    type,
    roots: Int32Array.from(roots),
    features: Int32Array.from(ints('nodes_featureids')),
    splits: splitsBy(modes, 'BRANCH_LT', values),
    truePlaces: children('nodes_truenodeids'),
    falsePlaces: children('nodes_falsenodeids'),
    missingTrue: Uint8Array.from(missing && missing.length > 0 ? missing : new Uint8Array(modes.length)),
    leaves,
    base: base?.[0],
  };
}

/** `x < s` is `x <= t` with the next smaller number `t`. */
function splitsBy<M>(modes: ArrayLike<M>, strict: M, splits: Float32Array | Float64Array) {
  const type = splits instanceof Float32Array ? 'float' : 'double';
  return Float64Array.from(splits, (split, at) => (modes[at] === strict ? nextBelow(split, type) : split));
}

function numbersOf(attribute: Attributes, name: string) {
  const tensor = attribute(`${name}_as_tensor`, 'tensor');
  if (!tensor) {
    const values = Float32Array.from(required(attribute(name, 'floats'), name));
    return { type: 'float' as const, values };
  }
  expect(tensor.type === 'double' || tensor.type === 'float', name);
  return { type: tensor.type, values: tensor.data as Float32Array | Float64Array };
}

/** Whether every way down ends at a leaf, so that no row can run forever or off the arrays; then the forest. */
export function inTurn(forest: Forest): Forest {
  const { features, splits, truePlaces, falsePlaces, missingTrue, leaves, roots } = forest;
  const nodes = features.length;
  for (const array of [splits, truePlaces, falsePlaces, missingTrue])
    expect(array.length === nodes, 'lengths of the node attributes');
  const seen = new Uint8Array(nodes);
  const open = [...roots];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    if (place < 0) expect(~place < leaves.length, 'number of a leaf');
    else {
      expect(place < nodes && seen[place] === 0, 'number of a node');
      seen[place] = 1;
      expect((features[place] as number) >= 0, 'number of a feature');
      open.push(truePlaces[place] as number, falsePlaces[place] as number);
    }
  }
  return forest;
}

function required<T>(value: T | undefined, name: string): T {
  expect(value !== undefined, name);
  return value;
}
