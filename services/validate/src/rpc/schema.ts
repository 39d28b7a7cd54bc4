import { create } from '@bufbuild/protobuf';
import { type GetSchemaRequest, GetSchemaResponseSchema } from '@perennial/contracts';
import { notFound } from '@perennial/kernel';
import { canonicalSchema } from '@perennial/spec';
import { kindOf } from '../messages.js';
import { findSchema } from '../store.js';
import type { RpcContext } from './context.js';

export async function getSchema({ db, tenant }: RpcContext, { source, kind }: GetSchemaRequest) {
  const origin = { tenant, source, kind: kindOf(kind) };
  const found = await findSchema(db, origin);
  if (!found || found.version === 0) {
    throw notFound('SCHEMA_NOT_FOUND', `source: no ${origin.kind} of "${source}" were verified yet`, {
      field: 'source',
    });
  }
  return create(GetSchemaResponseSchema, {
    version: found.version,
    schemaJson: canonicalSchema(found.document),
  });
}
