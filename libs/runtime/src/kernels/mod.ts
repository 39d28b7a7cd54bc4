export { compileKernel, type Kernel } from './compile.js';
export { isBitEqual, type KernelFit, measureKernel, noKernel, withKernel } from './fit-kernel.js';
export { type QuickKernel, quickKernel } from './quick-kernel.js';
