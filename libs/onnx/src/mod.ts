export { allowedDomains, checkModel } from './check-model.js';
export {
  type Attribute,
  bytes,
  doubles,
  type ElementType,
  elementTypes,
  type Graph,
  int,
  ints,
  type Model,
  type Node,
  node,
  type TensorConstant,
  tensorAttribute,
  texts,
  type ValueShape,
} from './graph.js';
export { type ModelEnd, type ModelEnds, modelEnds } from './model-ends.js';
export { readGraph } from './read-graph.js';
export { type ModelOutline, readModel } from './read-model.js';
export { type Column, type ColumnSession, openColumnSession, runtimeVersion } from './session.js';
export { writeModel } from './write-model.js';
