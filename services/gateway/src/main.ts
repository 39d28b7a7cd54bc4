import { runService } from '@perennial/service';
import { gatewayService } from './gateway-service.js';

await runService(gatewayService);
