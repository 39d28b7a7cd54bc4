import { ValidateService } from '@perennial/contracts';
import { rpc } from '@perennial/service';
import type { RpcContext } from './context.js';
import { getQuarantine, getSchema, listQuarantine } from './quarantine.js';
import { repairQuarantine } from './repair-quarantine.js';

export function validateService(context: RpcContext) {
  return rpc(ValidateService, {
    listQuarantine: (request) => listQuarantine(context, request),
    getQuarantine: (request) => getQuarantine(context, request),
    repairQuarantine: (request) => repairQuarantine(context, request),
    getSchema: (request) => getSchema(context, request),
  });
}
