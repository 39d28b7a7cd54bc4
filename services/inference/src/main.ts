import { runService } from '@perennial/service';
import { build } from './build.js';
import { settings } from './config.js';

await runService({ name: 'inference', settings, build: (frame) => build(frame) });
