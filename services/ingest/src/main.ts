import { runService } from '@perennial/service';
import { ingest } from './ingest.js';

await runService(ingest);
