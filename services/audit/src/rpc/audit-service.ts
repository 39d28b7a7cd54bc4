import { AuditService } from '@perennial/contracts';
import { rpc } from '@perennial/service';
import type { RpcContext } from './context.js';
import { getLineage } from './lineage.js';
import { listEvents } from './list-events.js';
import { getCheckpoint, getProof } from './proofs.js';
import { verify } from './verify.js';
import { why } from './why.js';

export function auditService(context: RpcContext) {
  return rpc(AuditService, {
    verify: (_request, { signal }) => verify(context, signal),
    getCheckpoint: () => getCheckpoint(context),
    getProof: (request) => getProof(context, request),
    why: (request) => why(context, request),
    getLineage: (request) => getLineage(context, request),
    listEvents: (request) => listEvents(context, request),
  });
}
