import { runService } from '@perennial/service';
import { audit } from './audit.js';

await runService(audit(process.env));
