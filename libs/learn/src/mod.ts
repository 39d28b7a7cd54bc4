export type { Encode } from './encode/kinds.js';
export { bootstrapInterval, type Interval } from './metrics/interval.js';
export { type Metric, metricNames, score } from './metrics/metrics.js';
export type { Trained, TrainOptions } from './model.js';
export { outputName, type Task, type TrainingTable } from './table.js';
export { train } from './train.js';
