export { pickOutputs } from './protocol/outputs.js';
