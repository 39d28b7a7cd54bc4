import { runService } from '@perennial/service';
import { registry } from './registry.js';

await runService(registry);
