export { compileKernel, type Kernel } from './compile.js';
export { isBitEqual, measureRowsMax, withKernel } from './fit-kernel.js';
export { type QuickKernel, quickKernel } from './quick-kernel.js';
