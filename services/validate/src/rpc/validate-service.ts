import { ValidateService } from '@perennial/contracts';
import { rpc } from '@perennial/service';
import { getQuarantine, listQuarantine } from '../quarantine/look.js';
import { repairQuarantine } from '../quarantine/repair-rpc.js';
import type { RpcContext } from './context.js';
import { getSchema } from './schema.js';

export function validateService(context: RpcContext) {
  return rpc(ValidateService, {
    listQuarantine: (request) => listQuarantine(context, request),
    getQuarantine: (request) => getQuarantine(context, request),
    repairQuarantine: (request) => repairQuarantine(context, request),
    getSchema: (request) => getSchema(context, request),
  });
}
