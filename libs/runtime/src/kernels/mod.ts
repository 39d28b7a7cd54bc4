export { compileKernel, type Kernel } from './compile.js';
export { isBitEqual, measureRowsMax, withKernel } from './fit-kernel.js';
