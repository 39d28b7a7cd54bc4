import { runService } from '@perennial/service';
import { validate } from './validate.js';

await runService(validate);
