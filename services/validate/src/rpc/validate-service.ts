import { ValidateService } from '@perennial/contracts';
import { rpc } from '@perennial/service';
import { checkRowsOf, listAnomaliesOf } from '../anomalies/rpc.js';
import { getQuarantine, listQuarantine } from '../quarantine/look.js';
import {
  discardQuarantine,
  releaseQuarantine,
  repairQuarantine,
  revalidateQuarantine,
} from '../quarantine/repair-rpc.js';
import type { RpcContext } from './context.js';
import { getSchema } from './schema.js';

export function validateService(context: RpcContext) {
  return rpc(ValidateService, {
    listQuarantine: (request) => listQuarantine(context, request),
    getQuarantine: (request) => getQuarantine(context, request),
    repairQuarantine: (request) => repairQuarantine(context, request),
    revalidateQuarantine: (request) => revalidateQuarantine(context, request),
    releaseQuarantine: (request) => releaseQuarantine(context, request),
    discardQuarantine: (request) => discardQuarantine(context, request),
    listAnomalies: (request) => listAnomaliesOf(context, request),
    checkRows: (request) => checkRowsOf(context, request),
    getSchema: (request) => getSchema(context, request),
  });
}
