import { runService } from '@perennial/service';
import { monitor } from './service.js';

await runService(monitor());
