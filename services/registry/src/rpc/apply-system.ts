import { create } from '@bufbuild/protobuf';
import {
  type ApplySystemRequest,
  type ApplySystemResponse,
  ApplySystemResponseSchema,
  events,
} from '@perennial/contracts';
import {
  canonicalSystem,
  diffSystems,
  parseSystem,
  type System,
  systemDigest,
  systemFromJson,
} from '@perennial/spec';
import { applyTo, storeOf } from '../apply-fact.js';
import { nameTaken } from '../apply-served.js';
import { ServedModels } from '../served-models.js';
import type { RpcContext } from './context.js';

/** Makes a system.yaml so, or says what would change. Applying the same file again changes nothing. */
export async function applySystem(
  context: RpcContext,
  request: ApplySystemRequest,
): Promise<ApplySystemResponse> {
  const system = parseSystem(request.specYaml);
  if (request.dryRun) return planned(context, system);
  return context.transact(async (tx, emit) => {
    const { decider } = context;
    const models = new ServedModels(tx, decider.tenant);
    await models.lockName(system.name);
    if (await models.load(system.name)) throw nameTaken(system.name, 'imported model');
    const store = storeOf(decider, tx);
    // Rows verified at this moment either see the system or are seen by it: both sides lock the source's count.
    await store.addVerified(system.source.name, { rows: 0, labels: 0, until: 0 });
    const before = await store.load(system.name);
    const answer = answerOf(system, before);
    if (before && answer.changes.length === 0) return answer;
    const spec = { spec_json: canonicalSystem(system), spec_digest: systemDigest(system) };
    await store.apply(
      { name: system.name, version: answer.version, source: system.source.name, ...spec },
      request.appliedBy,
      decider.clock.now(),
    );
    await emit(events.systemApplied, system.name, {
      system: system.name,
      version: answer.version,
      specDigest: spec.spec_digest,
      specJson: spec.spec_json,
      appliedBy: request.appliedBy,
    });
    const state = await store.load(system.name);
    if (state) {
      const told = { fact: { kind: 'system-applied' as const }, cause: {}, emit };
      await applyTo(decider, tx, { state, before: before ?? state }, told);
    }
    return answer;
  });
}

async function planned({ decider, db }: RpcContext, system: System): Promise<ApplySystemResponse> {
  return answerOf(system, await storeOf(decider, db).peek(system.name));
}

function answerOf(
  system: System,
  known: { version: number; specJson: string } | undefined,
): ApplySystemResponse {
  const changes = diffSystems(known && systemFromJson(known.specJson), system);
  return create(ApplySystemResponseSchema, {
    system: system.name,
    version: known ? known.version + (changes.length ? 1 : 0) : 1,
    created: known === undefined,
    changes,
  });
}
