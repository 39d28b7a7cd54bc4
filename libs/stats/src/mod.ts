export { benjaminiHochberg, holm } from './adjust.js';
export { type ChiSquareOptions, type ChiSquareResult, chiSquareTwoSample } from './chi-square.js';
export { categoryCorrelation, effectiveSize, serialCorrelation } from './dependence.js';
export {
  type Counts,
  totalVariation,
  wasserstein,
  wassersteinNormed,
  wassersteinToQuantiles,
} from './distances.js';
export { blockJackknifeError, exceedanceP } from './jackknife.js';
export {
  kolmogorovUpper,
  ksDistance,
  ksToQuantiles,
  ksTwoSample,
  ksUpper,
  type TestResult,
} from './kolmogorov.js';
export { mean, standardDeviation, welch } from './moments.js';
export { median, quantileSorted, quantileSteps } from './quantiles.js';
export { areaUnderCurve } from './ranking.js';
export {
  betaRegularised,
  chiSquareUpper,
  gammaUpper,
  logGamma,
  normalUpper,
  studentUpper,
} from './special.js';
